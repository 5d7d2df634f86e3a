// Signing keys that are made in this browser and cannot leave it: ECDSA P-256, not extractable, in IndexedDB.
// It makes one, proves that it holds it, and signs with it. Every other part of these pages works without it.
"use strict";
(() => {
  const ECDSA = { name: "ECDSA", namedCurve: "P-256" };
  const SHA = { name: "ECDSA", hash: "SHA-256" };
  const bytes = (text) => new TextEncoder().encode(text);
  const hex = (buffer) => [...new Uint8Array(buffer)].map((one) => one.toString(16).padStart(2, "0")).join("");
  const sha256 = async (buffer) => hex(await crypto.subtle.digest("SHA-256", buffer));

  const request = (asked) => new Promise((done, failed) => {
    asked.onsuccess = () => done(asked.result);
    asked.onerror = () => failed(asked.error);
  });

  const opened = () => {
    const asked = indexedDB.open("hash-exchange", 1);
    asked.onupgradeneeded = () => asked.result.createObjectStore("keys", { keyPath: "keyid" });
    return request(asked);
  };

  const kept = async (mode, act) => {
    const database = await opened();
    try {
      const step = database.transaction("keys", mode);
      const done = new Promise((ok, failed) => {
        step.oncomplete = ok;
        step.onabort = step.onerror = () => failed(step.error);
      });
      const found = await request(act(step.objectStore("keys")));
      await done;
      return found;
    } finally {
      database.close();
    }
  };

  // WebCrypto gives r and s side by side; TUF, openssl and everybody else write them as DER.
  const integer = (part) => {
    let at = 0;
    while (at < part.length - 1 && part[at] === 0) at += 1;
    const rest = [...part.slice(at)];
    if (rest[0] & 0x80) rest.unshift(0);
    return [0x02, rest.length, ...rest];
  };
  const der = (raw) => {
    const pair = new Uint8Array(raw);
    const body = [...integer(pair.slice(0, 32)), ...integer(pair.slice(32))];
    return new Uint8Array([0x30, body.length, ...body]);
  };
  const sign = async (key, content) => hex(der(await crypto.subtle.sign(SHA, key, content)));

  // The PEM that the exchange's own library writes, and the TUF key id: SHA-256 of the canonical JSON.
  const pem = (spki) => {
    const text = btoa(String.fromCharCode(...new Uint8Array(spki))).replace(/.{64}(?=.)/g, "$&\n");
    return `-----BEGIN PUBLIC KEY-----\n${text}\n-----END PUBLIC KEY-----\n`;
  };
  const keyid = (text) =>
    sha256(bytes(`{"keytype":"ecdsa","keyval":{"public":"${text}"},"scheme":"ecdsa-sha2-nistp256"}`));

  const say = (area, name) => {
    for (const part of area.querySelectorAll("[data-say]")) part.hidden = part.dataset.say !== name;
  };

  const make = async (form) => {
    const pair = await crypto.subtle.generateKey(ECDSA, false, ["sign", "verify"]);
    const text = pem(await crypto.subtle.exportKey("spki", pair.publicKey));
    const id = await keyid(text);
    const statement = `hash-exchange key registration 1\n${form.dataset.organisation}\n${id}\n`;
    const proof = await sign(pair.privateKey, bytes(statement));
    await navigator.storage?.persist?.();
    // Kept before it is registered: a registered key that nobody holds would only look like one.
    await kept("readwrite", (store) => store.put({ keyid: id, privateKey: pair.privateKey }));
    form.elements.public.value = text;
    form.elements.proof.value = proof;
  };

  const registration = (form) => {
    form.hidden = false;
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const button = form.querySelector("button");
      button.disabled = true;
      try {
        if (!form.elements.proof.value) await make(form);
        form.submit();
      } catch {
        say(form.parentElement, "failed");
        form.hidden = false;
        button.disabled = false;
      }
    });
  };

  // The bytes must be the ones that the page speaks of, by digest, list, version and manifest.
  const isShown = async (area, part) => {
    if ((await sha256(part)) !== area.dataset.sha256) return false;
    const said = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(part));
    const manifest = said.targets[`${area.dataset.list}/manifest.json`];
    return (
      said._type === "targets" &&
      said.version === Number(area.dataset.version) &&
      Object.keys(said.targets).every((name) => name.startsWith(`${area.dataset.list}/`)) &&
      manifest.hashes.sha256 === area.dataset.manifest
    );
  };

  const signing = async (area) => {
    let held;
    for (const id of area.dataset.keys.split(" ")) held ??= await kept("readonly", (store) => store.get(id));
    if (!held) return say(area, "none");
    say(area, "ready");
    area.querySelector("[data-key]").textContent = `${held.keyid.slice(0, 12)}…`;
    const form = area.querySelector("form");
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      try {
        const part = await (await fetch(area.dataset.part, { cache: "no-store" })).arrayBuffer();
        if (!(await isShown(area, part))) return say(area, "differs");
        form.elements.key.value = held.keyid;
        form.elements.signature.value = await sign(held.privateKey, part);
        form.submit();
      } catch {
        say(area, "failed");
      }
    });
  };

  addEventListener("DOMContentLoaded", async () => {
    const able = window.isSecureContext && window.indexedDB && crypto.subtle;
    const form = document.getElementById("browser-key");
    const area = document.getElementById("browser-sign");
    try {
      if (form && able) registration(form);
      else if (form) say(form.parentElement, "unable");
      if (area) await (able ? signing(area) : say(area, "none"));
    } catch {
      if (area) say(area, "none");
    }
  });
})();
