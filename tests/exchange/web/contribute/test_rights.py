"""The rights of the publisher's pages, written down a second time on purpose: a change is made knowingly."""

from __future__ import annotations

from importlib import import_module

from exchange.http.permissions import PUBLIC, Need
from exchange.web.door import Page

PERSON = "person with "  # with step-up; whoever only reads needs none
MANAGE, SIGN, KEYS = PERSON + "list.manage", PERSON + "release.sign", PERSON + "key.manage"
VIEW, SUBMIT, CEREMONY = "list.view", "submission.create", PERSON + "ceremony.run"

MATRIX: dict[str, dict[str, str]] = {
    "new-list": {"GET": MANAGE, "POST": MANAGE},
    "settings": {"GET": VIEW},
    "change-settings": {"GET": MANAGE, "POST": MANAGE},
    "add-label": {"POST": MANAGE},
    "allow-inline-delta": {"POST": MANAGE},
    "decide-change": {"POST": MANAGE},
    "close-list": {"GET": MANAGE, "POST": MANAGE},
    "signers": {"GET": VIEW, "POST": MANAGE},
    "renewal": {"GET": SIGN, "POST": SIGN},
    "renewal-part": {"GET": "release.sign"},
    "renewal-hosted": {"POST": SIGN},
    "prepare-renewal": {"POST": SIGN},
    "offer-list": {"GET": MANAGE, "POST": MANAGE},
    "transfers": {"GET": VIEW},
    "accept-transfer": {"GET": MANAGE, "POST": MANAGE},
    "end-transfer": {"POST": MANAGE},
    "compare": {"GET": "anybody"},
    "withdraw-entries": {"GET": SUBMIT, "POST": SUBMIT},
    "new-submission": {"GET": SUBMIT, "POST": SUBMIT},
    "submission-file": {"GET": SUBMIT, "POST": SUBMIT},
    "check-submission": {"GET": SUBMIT, "POST": SUBMIT},
    "queue": {"GET": VIEW},
    "held": {"GET": "organisation.manage"},
    "agree": {"POST": PERSON + "organisation.manage"},
    "set-aside": {"GET": VIEW, "POST": PERSON + "submission.approve"},
    "signature": {"GET": SIGN, "POST": SIGN},
    "signed-part": {"GET": "release.sign"},
    "keys": {"GET": VIEW},
    "new-key": {"GET": VIEW, "POST": KEYS},
    # Whoever signs or arranges keys brings one: the verb asks which.
    "own-key": {"GET": PERSON + VIEW, "POST": PERSON + VIEW},
    "browser-key": {"GET": PERSON + VIEW},
    "key": {"GET": VIEW},
    "confirm-key": {"POST": KEYS},
    "revoke-key": {"POST": KEYS},
    "benign": {"GET": VIEW, "POST": SUBMIT},
    "ceremonies": {"GET": "ceremony.run"},
    "ceremony-export": {"POST": CEREMONY},
    "ceremony-import": {"POST": CEREMONY},
}


def said(need: Need) -> str:
    if need == PUBLIC:
        return "anybody"
    assert need.permission is not None
    return (PERSON if need.person else "") + need.permission.value


def test_every_page_of_publishers_asks_for_what_is_written_here() -> None:
    found: dict[str, dict[str, str]] = {}
    import_module("exchange.web.urls")  # which knows the shapes of addresses
    for pattern in import_module("exchange.web.contribute.urls").urlpatterns:
        view = getattr(pattern.callback, "view_class", None)
        assert isinstance(view, type)
        assert issubclass(view, Page)
        found[str(pattern.name)] = {method: said(need) for method, need in view.needs.items()}
    assert found == MATRIX
