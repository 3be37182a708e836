"""What people see in Slack is looked at once more; Slack's ids and our own arrive as they are."""

from bot.slack.shown import clean
from policies.redaction import Redactor

SECRET = "correct-horse-battery-staple"
VALUE = "T-7K3F9Q2A-1:" + "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"


def test_every_text_is_clean_and_every_id_arrives() -> None:
    arguments = {
        "channel": "C0INCIDENTS",
        "text": f"Saw {SECRET}",
        "metadata": {"event_payload": {"key": "proposal:T-7K3F9Q2A-1"}},
        "blocks": [
            {"type": "section", "text": {"type": "mrkdwn", "text": f"a &lt;{SECRET}&gt; b"}},
            {
                "type": "actions",
                "block_id": "proposal:T-7K3F9Q2A-1",
                "elements": [{"action_id": "proposal.approve", "value": VALUE}],
            },
            {"type": "image", "image_url": f"https://x:{SECRET}@web.example/i", "alt_text": SECRET},
        ],
        "view": {"private_metadata": VALUE, "title": {"type": "plain_text", "text": SECRET}},
    }
    found = clean(Redactor([SECRET]), arguments)
    assert SECRET not in str(found)
    assert found["blocks"][0]["text"]["text"] == "a &lt;[redacted]&gt; b"
    assert found["blocks"][1] == arguments["blocks"][1]  # type: ignore[index] # a list of blocks
    assert found["view"]["private_metadata"] == VALUE
    assert found["metadata"] == arguments["metadata"]
    assert found["channel"] == "C0INCIDENTS"
