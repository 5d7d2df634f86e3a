"""Subscriptions, endpoints and the attempt log of the asking organisation."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.identity.roles import Permission
from exchange.api.v1.shapes import (
    AttemptOut,
    AttemptShown,
    AuthorityDecision,
    AuthorityIn,
    AuthorityOut,
    EndpointChange,
    EndpointIn,
    EndpointOut,
    NewEndpointOut,
    ReplayIn,
    SubscriptionChange,
    SubscriptionIn,
    SubscriptionOut,
    checked,
)
from exchange.http.pages import page_of
from exchange.http.permissions import Door, need, person
from exchange.push import by_hand
from exchange.push.challenge import verify_endpoint
from exchange.push.models import Attempt
from exchange.sharing import authorities, endpoints
from exchange.sharing.models import Endpoint, Subscription
from exchange.sharing.policy import ask_inline_delta, set_policy
from exchange.sharing.replay import replay_from
from exchange.sharing.subscribe import subscribe, unsubscribe
from exchange.wakeups import wake


class Subscriptions(Door):
    needs: ClassVar = {"GET": need(Permission.LIST_VIEW), "POST": need(Permission.SUBSCRIPTION_MANAGE)}
    sandbox = True

    @extend_schema(responses=SubscriptionOut(many=True), summary="Your organisation's subscriptions")
    def get(self, request: Request) -> Response:
        rows = Subscription.objects.of(self.actor).filter(ended_at__isnull=True)
        page = page_of(rows, request, key="created_at", render=lambda row: SubscriptionOut(row).data)
        return Response({"items": page.items, "next": page.next})

    @extend_schema(request=SubscriptionIn, responses={201: SubscriptionOut}, summary="Subscribe to a list")
    def post(self, request: Request) -> Response:
        list_id = checked(SubscriptionIn, request.data)["list_id"]
        subscription = subscribe(list_id, actor=self.actor, now=timezone.now())
        wake("push")
        return Response(SubscriptionOut(subscription).data, status=status.HTTP_201_CREATED)


class OneSubscription(Door):
    needs: ClassVar = {
        "PATCH": need(Permission.SUBSCRIPTION_MANAGE),
        "DELETE": need(Permission.SUBSCRIPTION_MANAGE),
    }
    sandbox = True

    @extend_schema(
        request=SubscriptionChange,
        responses=SubscriptionOut,
        summary="Set the trust policy of a subscription, and whether notices carry small deltas",
    )
    def patch(self, request: Request, subscription_id: uuid.UUID) -> Response:
        fields, actor, now = checked(SubscriptionChange, request.data), self.actor, timezone.now()
        subscription = Subscription.objects.mine(subscription_id, actor)
        if "policy" in fields:
            subscription = set_policy(subscription_id, policy=fields["policy"], actor=actor, now=now)
        if "inline_delta" in fields:
            wanted = fields["inline_delta"]
            subscription = ask_inline_delta(subscription_id, wanted=wanted, actor=actor, now=now)
        return Response(SubscriptionOut(subscription).data)

    @extend_schema(responses={204: None}, summary="End a subscription")
    def delete(self, request: Request, subscription_id: uuid.UUID) -> Response:
        unsubscribe(subscription_id, actor=self.actor, now=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)


class Endpoints(Door):
    needs: ClassVar = {"GET": need(Permission.LIST_VIEW), "POST": need(Permission.ENDPOINT_MANAGE)}

    @extend_schema(responses=EndpointOut(many=True), summary="Your organisation's endpoints")
    def get(self, request: Request) -> Response:
        rows = Endpoint.objects.filter(organisation_id=self.actor.organisation()).exclude(state="closed")
        page = page_of(rows, request, key="created_at", render=lambda row: EndpointOut(row).data)
        return Response({"items": page.items, "next": page.next})

    @extend_schema(request=EndpointIn, responses={201: NewEndpointOut}, summary="Register an endpoint")
    def post(self, request: Request) -> Response:
        made = endpoints.register_endpoint(
            **checked(EndpointIn, request.data), actor=self.actor, now=timezone.now()
        )
        shown = {**EndpointOut(made.endpoint).data, "secret": made.secret}
        return Response(shown, status=status.HTTP_201_CREATED)


class OneEndpoint(Door):
    needs: ClassVar = {
        "GET": need(Permission.LIST_VIEW),
        "PATCH": need(Permission.ENDPOINT_MANAGE),
        "DELETE": need(Permission.ENDPOINT_MANAGE),
    }

    @extend_schema(responses=EndpointOut, summary="One endpoint")
    def get(self, request: Request, endpoint_id: uuid.UUID) -> Response:
        return Response(EndpointOut(endpoints.seen(endpoint_id, actor=self.actor)).data)

    @extend_schema(
        request=EndpointChange,
        responses=EndpointOut,
        summary="Point an endpoint elsewhere; the new URL must be proven again",
    )
    def patch(self, request: Request, endpoint_id: uuid.UUID) -> Response:
        url = checked(EndpointChange, request.data)["url"]
        endpoint = endpoints.change_url(endpoint_id, url=url, actor=self.actor, now=timezone.now())
        return Response(EndpointOut(endpoint).data)

    @extend_schema(responses={204: None}, summary="Close an endpoint")
    def delete(self, request: Request, endpoint_id: uuid.UUID) -> Response:
        endpoints.close_endpoint(endpoint_id, actor=self.actor, now=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)


class EndpointAuthority(Door):
    needs: ClassVar = {"PUT": need(Permission.ENDPOINT_MANAGE), "DELETE": need(Permission.ENDPOINT_MANAGE)}

    @extend_schema(
        request=AuthorityIn,
        responses=EndpointOut,
        summary="Ask that an authority of your own be trusted at this endpoint; the operator decides",
    )
    def put(self, request: Request, endpoint_id: uuid.UUID) -> Response:
        pem = checked(AuthorityIn, request.data)["pem"]
        endpoint = authorities.propose_authority(endpoint_id, pem=pem, actor=self.actor, now=timezone.now())
        return Response(EndpointOut(endpoint).data)

    @extend_schema(responses={204: None}, summary="Trust the system's authorities alone again")
    def delete(self, request: Request, endpoint_id: uuid.UUID) -> Response:
        authorities.drop_authority(endpoint_id, actor=self.actor, now=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)


class Authorities(Door):
    needs: ClassVar = {"GET": need(Permission.ORGANISATION_MANAGE)}

    @extend_schema(responses=AuthorityOut(many=True), summary="Authorities that wait for the operator")
    def get(self, request: Request) -> Response:
        rows = authorities.proposals(actor=self.actor)
        page = page_of(rows, request, key="created_at", render=lambda row: AuthorityOut(row).data)
        return Response({"items": page.items, "next": page.next})


class DecideAuthority(Door):
    needs: ClassVar = {"POST": person(Permission.ORGANISATION_MANAGE)}

    @extend_schema(
        request=AuthorityDecision, responses=EndpointOut, summary="Agree to a member's authority or refuse it"
    )
    def post(self, request: Request, endpoint_id: uuid.UUID) -> Response:
        said = checked(AuthorityDecision, request.data)
        endpoint = authorities.decide_authority(
            endpoint_id,
            agree=said["agree"],
            shown=said.get("pem_sha256", ""),
            actor=self.actor,
            now=timezone.now(),
        )
        return Response(EndpointOut(endpoint).data)


class VerifyEndpoint(Door):
    needs: ClassVar = {"POST": need(Permission.ENDPOINT_MANAGE)}
    acts_on_rows_alone = False

    @extend_schema(
        request=None, responses=EndpointOut, summary="Prove that the endpoint is yours (challenge)"
    )
    def post(self, request: Request, endpoint_id: uuid.UUID) -> Response:
        endpoint = verify_endpoint(endpoint_id, actor=self.actor, now=timezone.now())
        wake("push")
        return Response(EndpointOut(endpoint).data)


class PauseEndpoint(Door):
    needs: ClassVar = {"POST": need(Permission.ENDPOINT_MANAGE)}

    @extend_schema(request=None, responses=EndpointOut, summary="Pause an endpoint; what is owed stays owed")
    def post(self, request: Request, endpoint_id: uuid.UUID) -> Response:
        endpoint = endpoints.pause_endpoint(endpoint_id, actor=self.actor, now=timezone.now())
        return Response(EndpointOut(endpoint).data)


class ResumeEndpoint(Door):
    needs: ClassVar = {"POST": need(Permission.ENDPOINT_MANAGE)}

    @extend_schema(request=None, responses=EndpointOut, summary="Resume a paused endpoint")
    def post(self, request: Request, endpoint_id: uuid.UUID) -> Response:
        endpoint = endpoints.resume_endpoint(endpoint_id, actor=self.actor, now=timezone.now())
        wake("push")
        return Response(EndpointOut(endpoint).data)


class RotateSecret(Door):
    needs: ClassVar = {"POST": need(Permission.ENDPOINT_MANAGE)}

    @extend_schema(
        request=None, responses=NewEndpointOut, summary="New secret; the old one stays valid for 24 h"
    )
    def post(self, request: Request, endpoint_id: uuid.UUID) -> Response:
        made = endpoints.rotate_secret(endpoint_id, actor=self.actor, now=timezone.now())
        return Response({**EndpointOut(made.endpoint).data, "secret": made.secret})


class PingEndpoint(Door):
    needs: ClassVar = {"POST": need(Permission.ENDPOINT_MANAGE)}
    acts_on_rows_alone = False

    @extend_schema(request=None, responses=AttemptShown, summary="Send a ping now and say how it ended")
    def post(self, request: Request, endpoint_id: uuid.UUID) -> Response:
        attempt = by_hand.ping_endpoint(endpoint_id, actor=self.actor, now=timezone.now())
        wake("push")
        return Response(AttemptShown(attempt).data)


class TestEndpoint(Door):
    needs: ClassVar = {"POST": need(Permission.ENDPOINT_MANAGE)}
    acts_on_rows_alone = False

    @extend_schema(
        request=None,
        responses=AttemptShown,
        summary="Send a test notice (`release.test`) and say how it ended",
    )
    def post(self, request: Request, endpoint_id: uuid.UUID) -> Response:
        attempt = by_hand.send_test(endpoint_id, actor=self.actor, now=timezone.now())
        wake("push")
        return Response(AttemptShown(attempt).data)


class ReplayToEndpoint(Door):
    needs: ClassVar = {"POST": need(Permission.ENDPOINT_MANAGE)}

    @extend_schema(
        request=ReplayIn, responses=EndpointOut, summary="Tell an endpoint again of a list, from a release on"
    )
    def post(self, request: Request, endpoint_id: uuid.UUID) -> Response:
        fields = checked(ReplayIn, request.data)
        replay_from(endpoint_id, **fields, actor=self.actor, now=timezone.now())
        wake("push")
        return Response(EndpointOut(endpoints.seen(endpoint_id, actor=self.actor)).data)


class OneAttempt(Door):
    needs: ClassVar = {"GET": need(Permission.LIST_VIEW)}

    @extend_schema(responses=AttemptShown, summary="One try: what was sent and what was answered")
    def get(self, request: Request, attempt_id: int) -> Response:
        return Response(AttemptShown(Attempt.objects.seen(attempt_id, self.actor)).data)


class ResendAttempt(Door):
    needs: ClassVar = {"POST": need(Permission.ENDPOINT_MANAGE)}
    acts_on_rows_alone = False

    @extend_schema(request=None, responses=AttemptShown, summary="Send the same notice once more")
    def post(self, request: Request, attempt_id: int) -> Response:
        attempt = by_hand.resend_attempt(attempt_id, actor=self.actor, now=timezone.now())
        wake("push")
        return Response(AttemptShown(attempt).data)


class Attempts(Door):
    needs: ClassVar = {"GET": need(Permission.LIST_VIEW)}

    @extend_schema(responses=AttemptOut(many=True), summary="Tries to deliver notices to your endpoints")
    def get(self, request: Request) -> Response:
        rows = Attempt.objects.filter(organisation_id=self.actor.organisation())
        page = page_of(rows, request, key="id", render=lambda row: AttemptOut(row).data)
        return Response({"items": page.items, "next": page.next})
