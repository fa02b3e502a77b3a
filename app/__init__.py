"""The Thalamus service: uploaded images, text and audio in, calibrated labels out.

ONNX Runtime's Linux wheels report usage to their vendor unless this variable is set before they
initialise. Nothing here leaves the machine, so it is set first.
"""

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

__version__ = "0.2.0"
