"""The addresses of the pages."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path, register_converter
from django.views.i18n import set_language

from exchange.web.views import home, lists, people, releases, submissions


class ListId:
    """26 characters of base32: anything else is no list's address, and never reaches the database."""

    regex = "[a-z2-7]{26}"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


class ReleaseNumber:
    """Ten ASCII digits at most, without leading zeros: one address per release."""

    regex = "[1-9][0-9]{0,9}"

    def to_python(self, value: str) -> int:
        return int(value)

    def to_url(self, value: int) -> str:
        return str(value)


register_converter(ListId, "list_id")
register_converter(ReleaseNumber, "release")

_LIST = "lists/<list_id:list_id>"
_SUBMISSION = "submissions/<uuid:submission_id>"

urlpatterns: list[URLPattern | URLResolver] = [
    path("", home.Home.as_view(), name="home"),
    path("sign-in", people.SignIn.as_view(), name="sign-in"),
    path("sign-out", people.SignOut.as_view(), name="sign-out"),
    path("confirm-presence", people.ConfirmPresence.as_view(), name="confirm-presence"),
    path("organisation", people.ChooseOrganisation.as_view(), name="organisation"),
    path("language", set_language, name="language"),
    path("lists", lists.Lists.as_view(), name="lists"),
    path(_LIST, lists.OneList.as_view(), name="list"),
    path(f"{_LIST}/submissions", lists.ListSubmissions.as_view(), name="list-submissions"),
    path(f"{_LIST}/releases", lists.ListReleases.as_view(), name="list-releases"),
    path(f"{_LIST}/releases/<release:number>", releases.OneRelease.as_view(), name="release"),
    path(_SUBMISSION, submissions.OneSubmission.as_view(), name="submission"),
    path(f"{_SUBMISSION}/progress", submissions.SubmissionProgress.as_view(), name="progress"),
    path(f"{_SUBMISSION}/approve", submissions.Approve.as_view(), name="approve"),
    path(f"{_SUBMISSION}/return", submissions.Return.as_view(), name="return"),
    path(f"{_SUBMISSION}/withdraw", submissions.Withdraw.as_view(), name="withdraw"),
    path(f"{_SUBMISSION}/sign", submissions.Sign.as_view(), name="sign"),
    path("", include("exchange.web.account.urls")),
    path("", include("exchange.web.vetting.urls")),
    path("", include("exchange.web.contribute.urls")),
    path("", include("exchange.web.subscribe.urls")),
    path("", include("exchange.web.oversee.urls")),
]
