// The mailed link brings the code behind the #: put it into the field and take it out of the address bar.
"use strict";
addEventListener("DOMContentLoaded", () => {
  const field = document.getElementById("code");
  if (!field || location.hash.length < 10) return;
  field.value = decodeURIComponent(location.hash.slice(1));
  history.replaceState(null, "", location.pathname);
  field.form.querySelector("button").focus();
});
