// A whole server around the receiver: `node example.js PORT`. With Express, hand the same function to app.post().
//
// It reads HASH_EXCHANGE_SECRETS (with spaces between), HASH_EXCHANGE_PUSH_KEY and HASH_EXCHANGE_ENDPOINT, and prints
// a line of JSON for each notice that it acts upon. In your project, start `hashx sync` where it prints.
"use strict";

const fs = require("node:fs");
const http = require("node:http");
const { receiver } = require("./hash-exchange-receiver");

const receive = receiver({
  secrets: process.env.HASH_EXCHANGE_SECRETS.split(" "),
  pushKey: process.env.HASH_EXCHANGE_PUSH_KEY,
  endpoint: process.env.HASH_EXCHANGE_ENDPOINT,
  onNews: async (lists) => {
    if (fs.existsSync(process.env.HASH_EXCHANGE_FAIL || "")) throw new Error("the queue is away");
    process.stdout.write(JSON.stringify(lists.map(({ list_id, release }) => ({ list_id, release }))) + "\n");
  },
});

http
  .createServer((request, response) => {
    if (request.url !== "/hooks/hash-exchange") {
      response.statusCode = 404;
      response.end();
      return;
    }
    receive(request, response);
  })
  .listen(Number(process.argv[2]), "127.0.0.1");
