// The receiver as members use it: in Express, before express.json(), beside a route that wants parsed bodies.
"use strict";

const express = require("express");
const { receiver } = require("../../../deploy/receivers/express/hash-exchange-receiver");

const app = express();
app.disable("x-powered-by");
app.post(
  "/hooks/hash-exchange",
  receiver({
    secrets: process.env.HASH_EXCHANGE_SECRETS.split(" "),
    pushKey: process.env.HASH_EXCHANGE_PUSH_KEY,
    endpoint: process.env.HASH_EXCHANGE_ENDPOINT,
    onNews: async (lists) => {
      process.stdout.write(JSON.stringify(lists.map(({ list_id, release }) => ({ list_id, release }))) + "\n");
    },
  }),
);
app.use(express.json());
app.post("/parsed", (request, response) => response.json({ got: request.body }));
// A receiver that was put behind express.json() by mistake must not go on with a body that it cannot verify.
app.post("/too-late", receiver({
  secrets: process.env.HASH_EXCHANGE_SECRETS.split(" "),
  pushKey: process.env.HASH_EXCHANGE_PUSH_KEY,
  endpoint: process.env.HASH_EXCHANGE_ENDPOINT,
  onNews: async () => {
    throw new Error("never told");
  },
}));

app.listen(Number(process.argv[2]), "127.0.0.1");
