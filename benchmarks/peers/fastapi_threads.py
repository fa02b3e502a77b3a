"""FastAPI with the raw body, the model in its thread pool, and one worker process a core."""

from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from picture import Classifier

app = FastAPI()
classifier = Classifier()


@app.get("/ready")
async def ready() -> None:
    """Answered once the model is loaded."""


@app.post("/classify")
async def classify(request: Request) -> dict[str, str | float]:
    """Leaves the event loop free."""
    return (await run_in_threadpool(classifier.classify, [await request.body()]))[0]
