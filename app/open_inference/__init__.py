"""The Open Inference Protocol, version 2, without a transport: tensors ↔ items and answers.

Every model takes a tensor of encoded files or texts, and beside it, where its modality allows that,
the tensors of its graph. They become items of the same batcher. `app.api.dialects.v2` is its form
in HTTP; another transport needs a form of its own and nothing else.
"""
