"""Takes secrets and personal data out of text before it is stored, logged, posted or sent on."""

from policies.redaction.own import MIN_SECRET
from policies.redaction.personal import PersonalData
from policies.redaction.redactor import Json, Redactor

__all__ = ["MIN_SECRET", "Json", "PersonalData", "Redactor"]
