"""Who may ask: API keys with scopes and quotas, in a file that is read again and again.

Nothing here knows HTTP: `app.api.access` finds the key in a request, and what its address needs.
"""

from app.access.api_key import ApiKey, KeyScope, Quota
from app.access.keyring import Keyring
from app.access.quotas import Quotas

__all__ = ["ApiKey", "KeyScope", "Keyring", "Quota", "Quotas"]
