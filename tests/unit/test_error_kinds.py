"""Recorded errors of every service in every situation, and how each is handled.

The table has one answer for each wording. If a service changes its words, add the new ones here.
"""

from typing import Any

import pytest

from backburner.errors import Reason
from backburner.provider.error_kinds import ErrorKind, kind_of
from backburner.provider.reading import failed_call_of, generation_of
from backburner.provider.verdicts import Act, Call, judge


def _error(message: str, **more: Any) -> dict[str, Any]:
    return {"error": {"message": message, **more}}


_AZURE_MISSING = (
    "The API deployment for this resource does not exist. If you created the deployment within the last 5 minutes, "
    "please wait a moment and try again."
)
_VLLM_LONG = (
    "This model's maximum context length is 8192 tokens. However, you requested 1024 output tokens and your prompt "
    "contains at least 7169 input tokens, for a total of at least 8193 tokens. Please reduce the length of the input "
    "prompt or the number of requested output tokens."
)
_VLLM_STORE = (
    "`store=True` (default) is not supported. Please set `store=False` in Responses API or set "
    "`VLLM_ENABLE_RESPONSES_API_STORE=1` in the env var when starting the vLLM server."
)
_LITELLM_LONG = (
    "litellm.BadRequestError: litellm.ContextWindowExceededError: AnthropicError - "
    '{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 200480 tokens > 200000 '
    'maximum"}}\nReceived Model Group=m'
)
_OPENAI_LONG = "Your input exceeds the context window of this model. Please adjust your input and try again."
_QUOTA = "You exceeded your current quota, please check your plan and billing details."

RECORDED: list[tuple[str, int, Any, ErrorKind, Act]] = [
    # Too long: cut smaller and tried once more.
    ("openai", 400, _error(_OPENAI_LONG, type="invalid_request_error", param="input", code="context_length_exceeded"),
     ErrorKind.TOO_LONG, Act.SPLIT),
    ("openai", 400, _error("Invalid 'input': string too long. Expected a string with maximum length 10485760.",
     type="invalid_request_error", param="input", code="string_above_max_length"), ErrorKind.TOO_LONG, Act.SPLIT),
    ("azure", 400, _error("This model's maximum context length is 128000 tokens. However, your messages resulted in "
     "140000 tokens.", type="invalid_request_error", param="messages", code="context_length_exceeded"),
     ErrorKind.TOO_LONG, Act.SPLIT),
    ("vllm", 400, _error(_VLLM_LONG, type="BadRequestError", param="input_tokens", code=400),
     ErrorKind.TOO_LONG, Act.SPLIT),
    ("vllm", 400, {"object": "error", "type": "BadRequestError", "param": None, "code": 400, "message":
     "The decoder prompt (length 9000) is longer than the maximum model length of 8192."},
     ErrorKind.TOO_LONG, Act.SPLIT),
    ("litellm", 400, _error(_LITELLM_LONG, type=None, param=None, code="400"), ErrorKind.TOO_LONG, Act.SPLIT),
    ("litellm", 400, _error("litellm.BadRequestError: input length and `max_tokens` exceed context limit: 179413 + "
     "32768 > 200000", type=None, param=None, code="400"), ErrorKind.TOO_LONG, Act.SPLIT),
    ("litellm", 400, _error("The input token count (2845475) exceeds the maximum number of tokens allowed (1048576).",
     code=400, status="INVALID_ARGUMENT"), ErrorKind.TOO_LONG, Act.SPLIT),
    ("tgi", 422, {"error": "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 6000 "
     "`inputs` tokens and 512 `max_new_tokens`", "error_type": "validation"}, ErrorKind.TOO_LONG, Act.SPLIT),
    ("tgi", 422, {"error": "Input validation error: `inputs` must have less than 1024 tokens. Given: 1872",
     "error_type": "validation"}, ErrorKind.TOO_LONG, Act.SPLIT),
    ("llama.cpp", 400, _error("request (4390 tokens) exceeds the available context size (4096 tokens), try increasing "
     "it", code=400, type="exceed_context_size_error", n_prompt_tokens=4390, n_ctx=4096),
     ErrorKind.TOO_LONG, Act.SPLIT),
    ("llama.cpp", 500, _error("Context size has been exceeded.", code=500, type="server_error"),
     ErrorKind.TOO_LONG, Act.SPLIT),
    ("ollama", 400, {"error": "input length exceeds maximum context length"}, ErrorKind.TOO_LONG, Act.SPLIT),
    ("yandex", 400, {"error": {"grpcCode": 3, "httpCode": 400, "message": "Number of input tokens must be no more than "
     "8192, got 9136", "httpStatus": "Bad Request", "details": []}}, ErrorKind.TOO_LONG, Act.SPLIT),
    ("yandex", 400, {"code": 3, "message": "text length is 349354, which is outside the range (0, 100000]",
     "details": []}, ErrorKind.TOO_LONG, Act.SPLIT),
    # Out of money: all jobs wait.
    ("openai", 429, _error(_QUOTA, type="insufficient_quota", param=None, code="insufficient_quota"),
     ErrorKind.QUOTA, Act.PAUSE),
    ("openai", 400, _error("Billing hard limit has been reached", type="invalid_request_error", param=None,
     code="billing_hard_limit_reached"), ErrorKind.QUOTA, Act.PAUSE),
    ("litellm", 400, _error("Budget has been exceeded! Current cost: 0.0021, Max budget: 0.001",
     type="budget_exceeded", param=None, code="400"), ErrorKind.QUOTA, Act.PAUSE),
    ("litellm", 429, _error(f"litellm.RateLimitError: OpenAIException - {_QUOTA}", type=None, param=None, code="429"),
     ErrorKind.QUOTA, Act.PAUSE),
    ("yandex", 403, {"error": {"httpCode": 403, "message": "Billing account is not active", "httpStatus": "Forbidden"}},
     ErrorKind.QUOTA, Act.PAUSE),
    # Rate limits: the job waits.
    ("openai", 429, _error("Rate limit reached for requests", type="requests", param=None, code="rate_limit_exceeded"),
     ErrorKind.RATE, Act.WAIT),
    ("azure", 429, _error("Requests to the Responses API have exceeded the token rate limit of your tier.", code="429"),
     ErrorKind.OTHER, Act.WAIT),
    ("litellm", 429, _error("No deployments available for selected model", type="throttling_error", param=None,
     code="429"), ErrorKind.RATE, Act.WAIT),
    ("tgi", 429, {"error": "Model is overloaded", "error_type": "overloaded"}, ErrorKind.RATE, Act.WAIT),
    ("vllm", 429, _error("Too many requests", type="RateLimitError", param=None, code=429), ErrorKind.RATE, Act.WAIT),
    ("llama.cpp", 503, _error("Loading model", code=503, type="unavailable_error"), ErrorKind.OTHER, Act.WAIT),
    ("ollama", 503, {"error": "server busy, please try again. maximum pending requests exceeded"},
     ErrorKind.OTHER, Act.WAIT),
    ("yandex", 429, {"code": 8, "message": "ai.textGenerationCompletionRequestsPerHour.rate rate quota limit exceed: "
     "allowed 100 requests", "details": []}, ErrorKind.RATE, Act.WAIT),
    ("yandex", 429, {"error": {"httpCode": 429, "message": "ai.textGenerationCompletionSessionsCount.count gauge quota "
     "limit exceed: allowed 1 requests"}}, ErrorKind.RATE, Act.WAIT),
    # More pictures than the model takes in one request: handled like too long.
    ("vllm", 400, _error("At most 4 image(s) may be provided in one prompt.", type="BadRequestError", param=None,
     code=400), ErrorKind.TOO_LONG, Act.SPLIT),
    # The model takes no pictures.
    ("openai", 400, _error("Invalid content type. image_url is only supported by certain models.",
     type="invalid_request_error", param="messages.[0].content.[1].type", code=None), ErrorKind.NO_VISION, Act.FAIL),
    ("ollama", 400, _error("this model does not support image input (ref: b8bd630e)", type="api_error"),
     ErrorKind.NO_VISION, Act.FAIL),
    ("vllm", 400, _error("m is not a multimodal model", type="BadRequestError", param=None, code=400),
     ErrorKind.NO_VISION, Act.FAIL),
    ("llama.cpp", 500, _error("image input is not supported - hint: if this is unexpected, you may need to provide the "
     "mmproj", code=500, type="server_error"), ErrorKind.NO_VISION, Act.FAIL),
    ("openrouter", 404, _error("No endpoints found that support image input", code=404), ErrorKind.NO_VISION, Act.FAIL),
    # No such model: the recipe is wrong.
    ("openai", 404, _error("The model `gpt-9` does not exist or you do not have access to it.",
     type="invalid_request_error", param=None, code="model_not_found"), ErrorKind.UNKNOWN_MODEL, Act.FAIL),
    ("azure", 404, _error(_AZURE_MISSING, code="DeploymentNotFound"), ErrorKind.UNKNOWN_MODEL, Act.FAIL),
    ("vllm", 404, _error("The model `m` does not exist.", type="NotFoundError", param="model", code=404),
     ErrorKind.UNKNOWN_MODEL, Act.FAIL),
    ("litellm", 400, _error("/responses: Invalid model name passed in model=m. Call `/v1/models` to view available "
     "models for your key.", type="None", param="None", code="400"), ErrorKind.UNKNOWN_MODEL, Act.FAIL),
    ("ollama", 404, _error('model "m" not found, try pulling it first', type="api_error", param=None, code=None),
     ErrorKind.UNKNOWN_MODEL, Act.FAIL),
    ("llama.cpp", 400, _error("model not found", code=400, type="invalid_request_error"),
     ErrorKind.UNKNOWN_MODEL, Act.FAIL),
    ("yandex", 400, {"error": "invalid model_uri", "code": 3, "message": "invalid model_uri", "details": []},
     ErrorKind.UNKNOWN_MODEL, Act.FAIL),
    ("yandex", 404, {"error": {"grpcCode": 5, "httpCode": 404, "message": "Failed to get model", "httpStatus":
     "Not Found"}}, ErrorKind.UNKNOWN_MODEL, Act.FAIL),
    ("litellm", 401, _error("key not allowed to access model. This key can only access models=['a']. Tried to access m",
     type="key_model_access_denied", param="model", code="401"), ErrorKind.MODEL_DENIED, Act.PAUSE_MODEL),
    # An unsupported parameter: the recipe is wrong.
    ("openai", 400, _error("Unsupported parameter: 'temperature' is not supported with this model.",
     type="invalid_request_error", param="temperature", code=None), ErrorKind.UNSUPPORTED_PARAMETER, Act.FAIL),
    ("azure", 400, _error("Unknown parameter: 'foo'.", type="invalid_request_error", param="foo",
     code="unknown_parameter"), ErrorKind.UNSUPPORTED_PARAMETER, Act.FAIL),
    ("litellm", 400, _error("litellm.UnsupportedParamsError: openai does not support parameters: ['top_k'], for "
     "model=m.", type="None", param=None, code="400"), ErrorKind.UNSUPPORTED_PARAMETER, Act.FAIL),
    # No background mode, or none with this model: the documents are fine.
    ("openai", 400, _error("Background mode is not supported with this model.", type="invalid_request_error",
     param="background", code="unsupported_parameter"), ErrorKind.NO_BACKGROUND, Act.PAUSE_MODEL),
    ("gateway", 400, _error("background mode is not supported", type="invalid_request_error", code=400),
     ErrorKind.NO_BACKGROUND, Act.PAUSE_MODEL),
    ("gateway", 501, {"detail": "Unsupported: background"}, ErrorKind.NO_BACKGROUND, Act.PAUSE_MODEL),
    # No storage: no result could be collected.
    ("vllm", 501, _error(_VLLM_STORE, type="invalid_request_error", param="store", code=501),
     ErrorKind.NO_STORE, Act.PAUSE),
    ("vllm", 400, _error(_VLLM_STORE, type="invalid_request_error", param=None, code=400),
     ErrorKind.NO_STORE, Act.PAUSE),
    # No Responses API at that address.
    ("openai", 404, _error("Invalid URL (POST /responses)", type="invalid_request_error", param=None, code=None),
     ErrorKind.NO_ENDPOINT, Act.PAUSE),
    ("azure", 404, _error("Resource not found", code="404"), ErrorKind.NO_ENDPOINT, Act.PAUSE),
    ("vllm", 404, {"detail": "Not Found"}, ErrorKind.NO_ENDPOINT, Act.PAUSE),
    ("vllm", 405, {"detail": "Method Not Allowed"}, ErrorKind.NO_ENDPOINT, Act.PAUSE),
    ("llama.cpp", 404, _error("File Not Found", code=404, type="not_found_error"), ErrorKind.NO_ENDPOINT, Act.PAUSE),
    ("ollama", 404, "404 page not found", ErrorKind.NO_ENDPOINT, Act.PAUSE),
    ("nginx", 404, "<html><head><title>404 Not Found</title></head></html>", ErrorKind.NO_ENDPOINT, Act.PAUSE),
    ("nobody", 404, None, ErrorKind.NO_ENDPOINT, Act.PAUSE),
    ("nobody", 404, {}, ErrorKind.NO_ENDPOINT, Act.PAUSE),
    ("nobody", 405, "", ErrorKind.NO_ENDPOINT, Act.PAUSE),
]  # fmt: skip


@pytest.mark.parametrize(
    ("service", "status", "body", "kind", "act"),
    RECORDED,
    ids=[f"{kind}-{service}-{number}" for number, (service, _, _, kind, _) in enumerate(RECORDED)],
)
def test_a_recorded_error_is_understood(service: str, status: int, body: Any, kind: ErrorKind, act: Act) -> None:
    """Its kind and its verdict are right, whichever service sends it in whatever words."""
    answer = failed_call_of(status, body)
    assert kind_of(answer) is kind, service
    assert judge(answer, Call.CREATE).act is act, service


def test_a_model_that_takes_no_pictures_is_a_failure_of_its_own() -> None:
    """It appears at the create or at the end of a generation, and has the provider's words and the remedy."""
    error = _error("this model does not support image input", type="api_error")
    created = judge(failed_call_of(400, error), Call.CREATE)
    ended = judge(
        generation_of({"id": "r", "status": "failed", "error": {"code": "server_error", **error["error"]}}),
        Call.RETRIEVE,
    )
    for verdict in (created, ended):
        assert (verdict.act, verdict.reason) == (Act.FAIL, Reason.VISION_UNSUPPORTED)
        assert "does not support image input" in verdict.message
        assert "name a model that sees pictures" in verdict.message


def test_every_kind_is_recorded() -> None:
    """Those that end a generation are left to the tests of verdicts."""
    assert {kind for _, _, _, kind, _ in RECORDED} == set(ErrorKind) - {ErrorKind.REJECTED}


@pytest.mark.parametrize(
    "body",
    [
        {
            "error": {
                "code": "model_call_error",
                "message": "number of input tokens must be no more than 32768, got 56832",
            }
        },
        {"error": {"code": "server_error", "message": _VLLM_LONG}},
        {"error": {"code": "context_length_exceeded", "message": ""}},
    ],
)
def test_a_context_overflow_may_appear_after_the_create(body: dict[str, Any]) -> None:
    """The generation ends as `failed`, with a code or with words."""
    answer = generation_of({"id": "r", "status": "failed"} | body)
    assert judge(answer, Call.RETRIEVE).act is Act.SPLIT


ECHOED = [_VLLM_LONG, _VLLM_STORE, _QUOTA, "billing account, rate limit reached", "background is not supported"]


@pytest.mark.parametrize("words", ECHOED)
@pytest.mark.parametrize("status", [400, 404, 422])
def test_a_document_quoted_in_an_error_pauses_nothing(words: str, status: int) -> None:
    """A document about quotas and stores, sent back in an error, does not pause the provider."""
    body = {"error": {"code": "invalid_value", "message": f"This input was refused: {'word ' * 100}{words}"}}
    assert judge(failed_call_of(status, body), Call.CREATE).act in (Act.FAIL, Act.SPLIT)


def test_a_code_takes_precedence_over_words() -> None:
    """A prompt that was refused is refused, whatever it is about."""
    body = {"error": {"code": "invalid_prompt", "message": _VLLM_LONG}}
    verdict = judge(generation_of({"id": "r", "status": "failed"} | body), Call.RETRIEVE)
    assert (verdict.act, verdict.reason) == (Act.FAIL, Reason.REJECTED_BY_PROVIDER)


def test_a_pause_says_what_to_do() -> None:
    """It has the service's own words, if they are about the service, and the remedy."""
    brief = judge(failed_call_of(501, _error(_VLLM_STORE, param="store")), Call.CREATE).brief
    assert "`store=True` (default) is not supported" in brief
    assert "VLLM_ENABLE_RESPONSES_API_STORE=1" in brief
