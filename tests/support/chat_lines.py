"""Lines for chat completions in the shapes that public projects write, each under the file that writes it.

Only the fields, their nesting and their order are theirs; the words are our own.
"""

from typing import Any

ASKED = [{"role": "user", "content": "Hello"}]
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}
_CLOSED = SCHEMA | {"required": ["a"], "additionalProperties": False}
_HELPED = [{"role": "system", "content": "You help."}, *ASKED]
_DOT = "data:image/png;base64,iVBORw0KGgo="
CHAT, AZURE = "/v1/chat/completions", "/chat/completions"


def _line(url: str | None, **body: Any) -> dict[str, Any]:
    """A line without its custom_id; Together's lines have neither method nor url."""
    return {"body": body} if url is None else {"method": "POST", "url": url, "body": body}


def _seen(picture: dict[str, str]) -> list[dict[str, Any]]:
    parts = [{"type": "text", "text": "What is shown?"}, {"type": "image_url", "image_url": picture}]
    return [{"role": "system", "content": "You look."}, {"role": "user", "content": parts}]


def _format(**schema: Any) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": schema}


PUBLIC: dict[str, dict[str, Any]] = {
    "openai/openai-cookbook examples/batch_processing.ipynb, first": _line(
        CHAT,
        model="m",
        temperature=0.1,
        response_format={"type": "json_object"},
        messages=[{"role": "system", "content": "Answer with a JSON object."}, *ASKED],
    ),
    "openai/openai-cookbook examples/batch_processing.ipynb, second": _line(
        CHAT, model="m", temperature=0.2, max_tokens=300, messages=_seen({"url": "https://example.org/a.png"})
    ),
    "vllm-project/vllm examples/offline_inference/openai_batch/openai_example_batch.jsonl": _line(
        CHAT, model="org/m", messages=_HELPED, max_completion_tokens=1000
    ),
    "vllm-project/vllm tests/entrypoints/openai/test_run_batch.py": _line(
        CHAT, stream="True", model="org/m", messages=_HELPED, max_tokens=1000
    ),
    "sgl-project/sglang examples/runtime/openai_batch_chat.py": _line(
        CHAT, model="m", messages=_HELPED, max_tokens=300
    ),
    "vllm-project/aibrix docs/source/features/batch-api.rst": _line(CHAT, model="m", messages=_HELPED, max_tokens=100),
    "MicrosoftDocs/azure-ai-docs articles/ai-services/openai/includes/batch/batch-python.md, standard": _line(
        AZURE, model="m", messages=_HELPED
    ),
    "MicrosoftDocs/azure-ai-docs articles/ai-services/openai/includes/batch/batch-python.md, base64": _line(
        AZURE, model="m", messages=_seen({"url": _DOT}), max_tokens=1000
    ),
    "MicrosoftDocs/azure-ai-docs articles/ai-services/openai/includes/batch/batch-python.md, image url": _line(
        AZURE, model="m", messages=_seen({"url": "https://example.org/a.png", "detail": "high"}), max_tokens=1000
    ),
    "MicrosoftDocs/azure-ai-docs articles/ai-services/openai/includes/batch/batch-python.md, structured": _line(
        AZURE, model="m", messages=_HELPED, response_format=_format(name="Event", strict=True, schema=_CLOSED)
    ),
    "bespokelabsai/curator src/bespokelabs/curator/request_processor/openai_request_mixin.py": _line(
        CHAT,
        model="m",
        messages=ASKED,
        response_format=_format(name="output_schema", schema=SCHEMA),
        temperature=0.7,
        top_p=0.95,
        max_tokens=1024,
    ),
    "argilla-io/distilabel src/distilabel/models/llms/openai.py": _line(
        CHAT,
        messages=ASKED,
        model="m",
        logprobs=False,
        top_logprobs=None,
        max_tokens=128,
        n=1,
        frequency_penalty=0.0,
        presence_penalty=0.0,
        temperature=1.0,
        top_p=1.0,
        stop=None,
        response_format=None,
    ),
    "BerriAI/litellm batch_small.jsonl": _line(CHAT, model="m", messages=ASKED),
    "BerriAI/litellm cookbook/litellm_proxy_server/batch_api/bedrock/bedrock_batch_completions.jsonl": _line(
        CHAT, model="bedrock/us.org.m-v1:0", messages=_HELPED, max_tokens=10
    ),
    "EasyLLM/langbatch docs/concepts/providers/Anthropic.md": _line(AZURE, model="m", messages=_HELPED),
    "togethercomputer/together-cookbook Batch_Inference_Evals.ipynb": _line(None, model="org/m", messages=ASKED),
}
"""Sixteen shapes from ten projects, as of November 2026."""
