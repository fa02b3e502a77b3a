"""The Thalamus service: uploaded images, text and audio in, calibrated labels out.

ONNX Runtime's Linux wheels report usage to their vendor unless told otherwise
before they initialise; nothing here leaves the machine, so it is told first.
"""

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

__version__ = "0.1.0"
