// Receives notices of a Hash Exchange in Express, or in Node's own http server. Copy this file; it needs no package.
//
//   const { receiver } = require("./hash-exchange-receiver");
//   app.post("/hooks/hash-exchange", receiver({
//     secrets: ["whsec_…"],        // of the endpoint; the old and the new one during a rotation
//     pushKey: "whpk_…",           // of the exchange
//     endpoint: "6b1f5d1e-…",      // the endpoint's id
//     onNews: async (lists) => {}, // told [{list_id, release, urgent}, …]; leave a note and return
//   }));
//
// Put it before express.json(): what is signed are the bytes that came. Several processes need one replay memory:
// pass `seen` with async has(id) and add(id) of your own.
"use strict";

const crypto = require("node:crypto");

const MAX_BODY = 16384; // notices have 4 KB; with small deltas in them, which one has to ask for, up to this
const TOLERANCE_SECONDS = 300;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

class Refused extends Error {
  // `status` is the answer: 400 or 401. The reason is for the log, not for whoever asks.
  constructor(status, reason) {
    super(reason);
    this.status = status;
  }
}

// Remembers ids for as long as their timestamps would be believed.
class Seen {
  constructor() {
    this.ids = new Map();
  }
  async has(id) {
    return this.ids.has(id);
  }
  async add(id) {
    const now = Date.now();
    for (const [old, at] of this.ids) {
      if (now - at <= 2 * TOLERANCE_SECONDS * 1000 && this.ids.size < 10000) break;
      this.ids.delete(old);
    }
    this.ids.set(id, now);
  }
}

function receiver({ secrets, pushKey, endpoint, onNews, seen = new Seen() }) {
  const trust = { secrets: secrets.map(secretBytes), key: publicKey(pushKey), endpoint };
  // 204: known; 200: a challenge, answered; 400, 401: refused; 405: not a POST; 500: come again.
  return async function receive(request, response) {
    const answer = (status, body) => {
      response.statusCode = status;
      if (body) response.setHeader("content-type", "application/json");
      response.end(body);
    };
    if (request.method !== "POST") return answer(405);
    try {
      const { id, notice } = verified(request.headers, await bodyOf(request), trust, Date.now() / 1000);
      if (notice.type === "endpoint.challenge") {
        return answer(200, JSON.stringify({ answer: hmac(trust.secrets[0], notice.data.nonce).toString("hex") }));
      }
      if (!(await seen.has(id))) {
        if (notice.type === "release.published") await onNews(notice.data.lists);
        await seen.add(id); // only now: a notice that could not be acted upon must come again
      }
      return answer(204);
    } catch (error) {
      return answer(error instanceof Refused ? error.status : 500);
    }
  };
}

// The id and the JSON of a notice that the exchange sent, now, to this endpoint. Throws Refused.
function verified(headers, body, trust, now) {
  const id = headers["webhook-id"] || "";
  const timestamp = headers["webhook-timestamp"] || "";
  if (id.length === 0 || id.length > 128 || !/^[0-9]{1,12}$/.test(timestamp)) throw new Refused(401, "headers");
  if (Math.abs(now - Number(timestamp)) > TOLERANCE_SECONDS) throw new Refused(401, "another time");
  const content = Buffer.concat([Buffer.from(`${id}.${timestamp}.`), body]);
  const given = signatures(headers["webhook-signature"] || "");
  const bySecret = trust.secrets.some((secret) => given.v1.some((one) => same(one, hmac(secret, content))));
  const byKey = given.v1a.some((one) => one.length === 64 && crypto.verify(null, content, trust.key, one));
  if (!(bySecret && byKey)) throw new Refused(401, "signature");
  const notice = parsed(body);
  if (notice.data.endpoint !== trust.endpoint || !id.includes(trust.endpoint.replaceAll("-", ""))) {
    throw new Refused(401, "another endpoint");
  }
  return { id, notice };
}

function bodyOf(request) {
  return new Promise((resolve, reject) => {
    if (request.readableEnded) {
      reject(new Error("The body was read before: put this receiver before express.json()."));
      return;
    }
    const chunks = [];
    let length = 0;
    request.on("data", (chunk) => {
      length += chunk.length;
      if (length > MAX_BODY) reject(new Refused(400, "too long")); // the rest is read away and not kept
      else chunks.push(chunk);
    });
    request.on("end", () => resolve(Buffer.concat(chunks)));
    request.on("error", reject);
  });
}

function signatures(header) {
  const found = { v1: [], v1a: [] };
  for (const one of header.split(" ")) {
    const comma = one.indexOf(",");
    const [version, encoded] = [one.slice(0, comma), one.slice(comma + 1)];
    if (Object.hasOwn(found, version) && BASE64.test(encoded)) found[version].push(Buffer.from(encoded, "base64"));
  }
  return found;
}

function parsed(body) {
  let notice;
  try {
    notice = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch {
    throw new Refused(400, "no JSON");
  }
  const data = notice && notice.data;
  if (typeof data !== "object" || data === null || Array.isArray(data)) throw new Refused(400, "form");
  if (notice.type === "endpoint.challenge" && !(typeof data.nonce === "string" && /^[0-9a-f]{64}$/.test(data.nonce))) {
    throw new Refused(400, "nonce");
  }
  if (notice.type === "release.published" && !(Array.isArray(data.lists) && data.lists.every(isNews))) {
    throw new Refused(400, "lists");
  }
  return notice;
}

function isNews(one) {
  return (
    typeof one === "object" && one !== null && typeof one.list_id === "string" &&
    /^[a-z2-7]{26}$/.test(one.list_id) && Number.isSafeInteger(one.release) && one.release >= 1
  );
}

function hmac(secret, content) {
  return crypto.createHmac("sha256", secret).update(content).digest();
}

function same(one, other) {
  return one.length === other.length && crypto.timingSafeEqual(one, other);
}

function secretBytes(text) {
  const raw = Buffer.from(text.replace(/^whsec_/, ""), "base64");
  if (raw.length === 0) throw new Error("This is not an endpoint's secret (whsec_…).");
  return raw;
}

function publicKey(text) {
  const raw = Buffer.from(text.replace(/^whpk_/, ""), "base64");
  if (raw.length !== 32) throw new Error("This is not the exchange's public push key (whpk_…).");
  const jwk = { kty: "OKP", crv: "Ed25519", x: raw.toString("base64url") };
  return crypto.createPublicKey({ key: jwk, format: "jwk" });
}

module.exports = { receiver, verified, publicKey, secretBytes, Refused, Seen };
