"""What a person puts into a `file_input`: announced, uploaded, and handed over with the modal."""

from playground.workspace.context import Context
from playground.workspace.files import upload_url
from playground.workspace.inputs import elements
from playground.workspace.model import ActError, Json
from playground.workspace.shapes import file_json

FILE_INPUT = "file_input"
# docs.slack.dev/reference/block-kit/block-elements/file-input-element: 10 MB a file.
MAX_BYTES = 10_000_000
SCOPE = "files:read"


def announce(context: Context, user_id: str, name: str, size: int) -> Json:
    """Return the id of a file that a person is about to upload, and where to POST its bytes."""
    if SCOPE not in context.state.app.scopes:
        raise ActError("missing_scope", f"The app may not take files: it lacks `{SCOPE}`.")
    if not name.strip() or size <= 0:
        raise ActError("empty_file", "This file is empty. Choose another one.")
    if size > MAX_BYTES:
        raise ActError("file_too_large", "This file is larger than 10 MB. Choose a smaller one.")
    announced = upload_url(context, {"filename": name, "length": size})
    context.state.files[announced["file_id"]].user_id = user_id
    return announced


def handed(context: Context, user_id: str, blocks: list[Json], values: Json) -> Json:
    """Return `values` with the files themselves in place of the ids that a page sends.

    Only what this person has uploaded counts; the app may look at it from then on.
    """
    held = {block_id: dict(typed) for block_id, typed in values.items()}
    for block, element in elements(blocks):
        typed = held.get(block["block_id"], {})
        if element["type"] == FILE_INPUT and element["action_id"] in typed:
            ids = typed[element["action_id"]] or []
            typed[element["action_id"]] = _uploaded(context, user_id, ids)
    return held


def _uploaded(context: Context, user_id: str, ids: object) -> list[Json]:
    known = context.state.files
    if not isinstance(ids, list):
        raise ActError("invalid_values", "Send the files of a field as a list of their ids.")
    for file_id in ids:
        file = known.get(file_id) if isinstance(file_id, str) else None
        if file is None or file.content is None or file.user_id != user_id:
            raise ActError("file_not_found", "A file is not there any more. Choose it again.")
        file.is_complete = True
    return [file_json(context.state, file_id) for file_id in ids]
