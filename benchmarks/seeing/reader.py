"""A provider of the Responses API whose model is an OCR engine: it answers with the words that it reads.

Texts come back as they are, pictures as Tesseract reads them, in the order of the request.
"""

import asyncio
import base64
import io
import sysconfig
import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import tesserocr  # type: ignore[import-not-found]  # only in .tools/scans
import uvicorn
from PIL import Image
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

MODEL = "tesseract"
_DATA = Path(sysconfig.get_path("data")) / "share/tessdata"


def version() -> str:
    """The engine's name and version."""
    return str(tesserocr.tesseract_version().splitlines()[0])


def read(picture: bytes) -> str:
    """The words on a picture."""
    with tesserocr.PyTessBaseAPI(path=str(_DATA), lang="eng") as engine:
        engine.SetImage(Image.open(io.BytesIO(picture)))
        return str(engine.GetUTF8Text())


def answered(given: str | list[dict[str, Any]]) -> str:
    """The answer to an input."""
    if isinstance(given, str):
        return given
    return "\n".join(_of_part(part) for item in given for part in item["content"])


def _of_part(part: dict[str, Any]) -> str:
    if part["type"] == "input_image":
        return read(base64.b64decode(part["image_url"].partition(",")[2]))
    return str(part["text"])


class Model:
    """Reads in two threads, and keeps its answers until they are deleted."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(2)
        self._answers: dict[str, asyncio.Future[str]] = {}

    async def create(self, request: Request) -> Response:
        """Begin to read."""
        body, name = await request.json(), f"resp_{uuid.uuid4().hex}"
        reading = asyncio.get_running_loop().run_in_executor(self._threads, answered, body["input"])
        self._answers[name] = reading
        return self._told(name)

    async def retrieve(self, request: Request) -> Response:
        """The answer, once it is ready."""
        return self._told(request.path_params["name"])

    async def delete(self, request: Request) -> Response:
        """Forget it."""
        self._answers.pop(request.path_params["name"], None)
        return JSONResponse({"deleted": True})

    def _told(self, name: str) -> Response:
        reading = self._answers.get(name)
        if reading is None:
            return JSONResponse({"error": {"message": "no such response", "code": "not_found"}}, 404)
        body: dict[str, Any] = {"id": name, "object": "response", "model": MODEL, "output": []}
        if not reading.done():
            return JSONResponse(body | {"status": "in_progress"})
        content = [{"type": "output_text", "text": reading.result(), "annotations": []}]
        message = {"type": "message", "role": "assistant", "status": "completed", "content": content}
        return JSONResponse(body | {"status": "completed", "output": [message]})


@contextmanager
def serving() -> Iterator[str]:
    """Serve the model on a free port of this machine; yields the base URL."""
    model = Model()
    routes = [
        Route("/v1/responses", model.create, methods=["POST"]),
        Route("/v1/responses/{name}", model.retrieve, methods=["GET"]),
        Route("/v1/responses/{name}", model.delete, methods=["DELETE"]),
    ]
    config = uvicorn.Config(Starlette(routes=routes), host="127.0.0.1", port=0, log_level="warning")
    server = uvicorn.Server(config)
    socket = config.bind_socket()
    thread = threading.Thread(target=server.run, kwargs={"sockets": [socket]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{socket.getsockname()[1]}/v1"
    finally:
        server.should_exit = True
        thread.join()
