// Reads the API's description and hands it to swagger-ui; where the server asks for a service token, so does the page.
// The token is kept in this page's memory only: leaving the page forgets it.
"use strict";

(() => {
  const HEADER = "x-srv-token";
  const form = document.getElementById("guard");
  const input = document.getElementById("token");
  const notice = document.getElementById("notice");

  function tell(text) {
    notice.textContent = text;
    notice.hidden = false;
  }

  function ask() {
    form.hidden = false;
    input.focus();
  }

  function draw(spec, token) {
    form.hidden = true;
    notice.hidden = true;
    const page = SwaggerUIBundle({
      spec,
      dom_id: "#docs",
      deepLinking: true,
      validatorUrl: null, // no word about this API leaves this server
      onComplete: () => token && page.preauthorizeApiKey(HEADER, token),
    });
  }

  async function open(token) {
    const response = await fetch("/openapi.json", { headers: token ? { [HEADER]: token } : {} });
    if (response.ok) return draw(await response.json(), token);
    tell(response.status === 401 ? "This token is not known." : `The description is not available (${response.status}).`);
    return ask();
  }

  const tryOpen = (token) => open(token).catch(() => tell("The server does not answer."));

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    tryOpen(input.value.trim());
    input.value = "";
  });

  if (document.body.dataset.mode === "guarded") ask();
  else tryOpen("");
})();
