"""Lines for chat completions in the shapes that public projects write: the body, with the url of its line."""

from typing import Any

ASKED = [{"role": "user", "content": "Hello"}]
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}
PUBLIC: list[dict[str, Any]] = [
    {
        "url": "/v1/chat/completions",
        "model": "gpt-3.5-turbo-0125",
        "messages": [{"role": "system", "content": "You help."}, *ASKED],
        "max_tokens": 1000,
    },
    {
        "url": "/chat/completions",
        "model": "my-deployment",
        "messages": [{"role": "system", "content": "You help."}, *ASKED],
    },
    {
        "url": "/chat/completions",
        "model": "my-deployment",
        "messages": [
            {"role": "system", "content": "You help."},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What is shown?"},
                    {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}},
                ],
            },
        ],
        "max_tokens": 1000,
    },
    {"url": "/v1/chat/completions", "messages": ASKED, "temperature": 0.7, "max_tokens": 50},
    {
        "url": "/v1/chat/completions",
        "n": 1,
        "model": "m",
        "temperature": 0.7,
        "top_p": 0.95,
        "max_tokens": 1024,
        "logprobs": False,
        "stop": None,
        "messages": ASKED,
    },
    {
        "url": "/v1/chat/completions",
        "model": "o4-mini",
        "messages": ASKED,
        "max_completion_tokens": 4096,
        "reasoning_effort": "low",
    },
    {
        "url": "/v1/chat/completions",
        "model": "m",
        "temperature": 0,
        "messages": [{"role": "system", "content": "Extract."}, *ASKED],
        "response_format": {"type": "json_schema", "json_schema": {"name": "n", "strict": True, "schema": SCHEMA}},
    },
    {
        "url": "/v1/chat/completions",
        "model": "m",
        "messages": ASKED,
        "stream": False,
        "user": "x",
        "presence_penalty": 0.0,
    },
]
"""The shapes of lines in public projects: OpenAI's guide, Azure's, servers of open models, generators of data."""
