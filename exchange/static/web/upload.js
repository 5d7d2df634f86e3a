// Sends a large file in parts over the API, and goes on where it stopped after a broken line or a reload.
// Without this script the same form sends the file whole.
"use strict";
(() => {
  // SHA-256 that can be fed piece by piece: WebCrypto wants the whole file in memory at once (FIPS 180-4).
  const K = new Int32Array([
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
  ]);

  class Sha256 {
    constructor() {
      this.state = new Int32Array([
        0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
      ]);
      this.words = new Int32Array(64);
      this.rest = new Uint8Array(64);
      this.held = 0;
      this.length = 0;
    }

    add(piece) {
      this.length += piece.length;
      let at = 0;
      if (this.held) {
        at = Math.min(64 - this.held, piece.length);
        this.rest.set(piece.subarray(0, at), this.held);
        this.held += at;
        if (this.held < 64) return;
        this.block(this.rest, 0);
        this.held = 0;
      }
      for (; at + 64 <= piece.length; at += 64) this.block(piece, at);
      this.rest.set(piece.subarray(at));
      this.held = piece.length - at;
    }

    block(from, at) {
      const w = this.words;
      for (let i = 0; i < 16; i += 1, at += 4) {
        w[i] = (from[at] << 24) | (from[at + 1] << 16) | (from[at + 2] << 8) | from[at + 3];
      }
      for (let i = 16; i < 64; i += 1) {
        const x = w[i - 15], y = w[i - 2];
        const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
        const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
        w[i] = (w[i - 16] + s0 + w[i - 7] + s1) | 0;
      }
      const s = this.state;
      let a = s[0], b = s[1], c = s[2], d = s[3], e = s[4], f = s[5], g = s[6], h = s[7];
      for (let i = 0; i < 64; i += 1) {
        const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
        const one = (h + s1 + ((e & f) ^ (~e & g)) + K[i] + w[i]) | 0;
        const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
        const two = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
        h = g; g = f; f = e; e = (d + one) | 0; d = c; c = b; b = a; a = (one + two) | 0;
      }
      s[0] += a; s[1] += b; s[2] += c; s[3] += d; s[4] += e; s[5] += f; s[6] += g; s[7] += h;
    }

    hex() {
      const bits = this.length * 8;
      const tail = new Uint8Array(this.held < 56 ? 64 - this.held : 128 - this.held);
      tail[0] = 0x80;
      const view = new DataView(tail.buffer);
      view.setUint32(tail.length - 8, Math.floor(bits / 2 ** 32));
      view.setUint32(tail.length - 4, bits >>> 0);
      this.add(tail);
      return [...this.state].map((one) => (one >>> 0).toString(16).padStart(8, "0")).join("");
    }
  }

  const sha256 = (content) => {
    const sum = new Sha256();
    sum.add(content);
    return sum.hex();
  };
  const read = async (file, from, to) => new Uint8Array(await file.slice(from, to).arrayBuffer());
  const breath = () => new Promise((done) => setTimeout(done));

  addEventListener("DOMContentLoaded", () => {
    const form = document.getElementById("upload");
    const input = form.elements.file;
    const area = document.getElementById("uploading");
    const [bar, said] = [area.querySelector("progress"), area.querySelector("p")];
    const broken = document.getElementById("upload-broken");
    const button = form.querySelector("button[type=submit]");
    const token = form.elements.csrfmiddlewaretoken.value;
    let spoken = "";

    const show = (what, done, all) => {
      const percent = all ? Math.floor((100 * done) / all) : 100;
      bar.value = percent;
      // A screen reader hears every tenth percent, not each.
      const heard = `${what}${Math.floor(percent / 10)}`;
      if (heard !== spoken) said.textContent = said.dataset[what].replace("{percent}", `${percent} %`);
      spoken = heard;
    };

    const call = async (method, url, body, headers) => {
      const answer = await fetch(url, {
        method, body, credentials: "same-origin",
        headers: { "X-CSRFToken": token, Accept: "application/json", ...headers },
      });
      const told = await answer.json();
      if (answer.ok || told.code === "upload.offset") return told;
      throw Object.assign(new Error(told.detail), { told });
    };

    const digest = async (file) => {
      const sum = new Sha256();
      for (let at = 0; at < file.size; at += 1 << 22) {
        sum.add(await read(file, at, at + (1 << 22)));
        show("reading", Math.min(at + (1 << 22), file.size), file.size);
        await breath();
      }
      return sum.hex();
    };

    const send = async (file) => {
      const whole = JSON.stringify({ list_id: form.dataset.list, length: file.size, sha256: await digest(file) });
      const upload = await call("POST", "/api/v1/uploads", whole, { "Content-Type": "application/json" });
      const step = Math.min(Number(form.dataset.part), 4 << 20);
      let { offset } = upload;
      while (offset < file.size) {
        const part = await read(file, offset, offset + step);
        const told = await call("PATCH", `/api/v1/uploads/${upload.id}`, part, {
          "Content-Type": "application/octet-stream",
          "Upload-Offset": String(offset),
          "Upload-Checksum": `sha256 ${sha256(part)}`,
        });
        offset = told.offset;
        show("sending", offset, file.size);
      }
      show("done", 1, 1);
      return upload.id;
    };

    form.addEventListener("submit", async (event) => {
      const file = input.files[0];
      // Nothing chosen, or nothing in it: the server says so in the usual place.
      if (!file || !file.size) return;
      event.preventDefault();
      button.disabled = true;
      area.hidden = false;
      broken.textContent = "";
      try {
        const id = await send(file);
        input.disabled = true;
        form.append(Object.assign(document.createElement("input"), { type: "hidden", name: "upload", value: id }));
        form.submit();
      } catch (error) {
        broken.textContent = error.told ? error.message : broken.dataset.broken;
        area.hidden = true;
        button.disabled = false;
      }
    });

    const drop = form.querySelector(".drop");
    for (const name of ["dragenter", "dragover"]) {
      drop.addEventListener(name, (event) => {
        event.preventDefault();
        drop.classList.add("over");
      });
    }
    for (const name of ["dragleave", "drop"]) drop.addEventListener(name, () => drop.classList.remove("over"));
    drop.addEventListener("drop", (event) => {
      event.preventDefault();
      if (event.dataTransfer.files.length) input.files = event.dataTransfer.files;
    });
  });
})();
