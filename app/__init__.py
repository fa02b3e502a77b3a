"""The Thalamus service: it receives images, sounds and texts and answers with calibrated labels.

ONNX Runtime's Linux wheels report usage to their vendor unless this variable is set before they
initialise. The service sends nothing to anybody, so this package sets it first.
"""

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

__version__ = "0.4.0"
