"""FastAPI as most people write it: an `async def` that runs the model, and a form file."""

from fastapi import FastAPI, UploadFile
from picture import Classifier

app = FastAPI()
classifier = Classifier()


@app.get("/ready")
async def ready() -> None:
    """Answered once the model is loaded."""


@app.post("/classify")
async def classify(file: UploadFile) -> dict[str, str | float]:
    """Blocks the event loop for as long as it takes."""
    return classifier.classify([await file.read()])[0]
