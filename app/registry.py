"""What the service and the trainer ship with: the default of every composition root."""

from app.bundle import Registry
from app.modalities import MODALITIES
from app.tasks import TASKS

SHIPPED = Registry(TASKS, MODALITIES)
