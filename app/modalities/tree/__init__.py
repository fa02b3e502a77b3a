"""Trees: specification, encoder, notations, explanation."""

from app.modalities.modality import Modality
from app.modalities.tree.encoder import TreeEncoder
from app.modalities.tree.phrases import Phrase, explain_tree
from app.modalities.tree.spec import TreeSpec

TREE = Modality(
    name="tree",
    spec=TreeSpec,
    encoder=TreeEncoder,
    accepts=TreeEncoder.accepts,
    bodies={"text/x-tree": {"schema": {"type": "string"}, "example": "[MAX 2 9 [MIN 4 7 ] 0 ]"}},
    explain=explain_tree,
    explanation=list[Phrase],
)
