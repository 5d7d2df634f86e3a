// The stock library's verdict: reads {secret, body, headers} as JSON from standard input, prints the type or "refused".
"use strict";

const { Webhook, WebhookVerificationError } = require("standardwebhooks");

const { secret, body, headers } = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
try {
  process.stdout.write(new Webhook(secret).verify(body, headers).type);
} catch (error) {
  if (!(error instanceof WebhookVerificationError)) throw error;
  process.stdout.write("refused");
}
