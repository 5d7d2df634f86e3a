/* Passkeys. The page carries the challenge; the answer goes back as a field of an ordinary form. */
"use strict";
(() => {
  const form = document.querySelector("form[data-passkey]");
  if (!form) return;
  const failed = document.querySelector("[data-passkey-failed]");
  const button = form.querySelector("button[type=submit]");
  if (!window.PublicKeyCredential) {
    document.querySelector("[data-passkey-unknown]").hidden = false;
    return;
  }
  button.hidden = false;

  const bytes = (text) =>
    Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (one) => one.charCodeAt(0));
  const text = (buffer) =>
    buffer &&
    btoa(String.fromCharCode(...new Uint8Array(buffer)))
      .replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  const known = (list) => (list || []).map((one) => ({ ...one, id: bytes(one.id) }));

  const ask = async (options) => {
    const challenge = bytes(options.challenge);
    if (form.dataset.passkey === "make") {
      return navigator.credentials.create({
        publicKey: {
          ...options,
          challenge,
          user: { ...options.user, id: bytes(options.user.id) },
          excludeCredentials: known(options.excludeCredentials),
        },
      });
    }
    return navigator.credentials.get({
      publicKey: { ...options, challenge, allowCredentials: known(options.allowCredentials) },
    });
  };

  const told = (credential) => {
    const { response } = credential;
    const answer = { clientDataJSON: text(response.clientDataJSON) };
    if (response.attestationObject) answer.attestationObject = text(response.attestationObject);
    else {
      answer.authenticatorData = text(response.authenticatorData);
      answer.signature = text(response.signature);
      answer.userHandle = text(response.userHandle);
    }
    return { id: credential.id, rawId: text(credential.rawId), type: credential.type,
      clientExtensionResults: {}, response: answer };
  };

  form.addEventListener("submit", async (event) => {
    if (form.elements.answer.value) return;
    event.preventDefault();
    failed.hidden = true;
    button.disabled = true;
    try {
      const { publicKey } = JSON.parse(form.dataset.options);
      form.elements.answer.value = JSON.stringify(told(await ask(publicKey)));
      form.submit();
    } catch {
      failed.hidden = false;
      failed.focus();
      button.disabled = false;
    }
  });
})();
