"""The catalog's routes: which models are served, and in which state."""

from fastapi import APIRouter, Depends, Request

from app.api import schemas
from app.api.openapi import MODEL_REFUSALS
from app.api.query import no_query
from app.errors import UnknownModel
from app.serving.reload import by_model

router = APIRouter(prefix="/v1/models", tags=["catalog"], dependencies=[Depends(no_query)])


@router.get("", response_model_exclude_none=True)
async def models(request: Request) -> schemas.Models:
    """List every published model, which version of it serves, and the state of each."""
    catalog = request.app.state.catalog
    found = [(group, catalog.choice(name)) for name, group in by_model(catalog.entries)]
    return schemas.Models(
        models=[schemas.model_entry(group, choice, facts=False) for group, choice in found],
        data=[
            schemas.model_object(group, choice)
            for group, choice in found
            if choice.version is not None
        ],
    )


@router.get("/{model}", response_model_exclude_none=True, responses=MODEL_REFUSALS)
async def model(request: Request, model: str) -> schemas.DescribedModel:
    """Describe one model: which version serves, labels, encoder, metrics, provenance, licence."""
    catalog = request.app.state.catalog
    entries = [entry for entry in catalog.entries if entry.name == model]
    if not entries:
        raise UnknownModel("there is no model of that name; GET /v1/models lists them")
    return schemas.described_model(entries, catalog.choice(model))
