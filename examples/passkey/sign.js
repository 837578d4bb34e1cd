// Signs WhatsApp's passkey request for session.submitPasskey.
//
// Open https://web.whatsapp.com in a browser that can reach the account's passkey, open the console of the developer
// tools there, paste this file, then call
//
//   await signPasskey(PUBLIC_KEY)
//
// with the object public_key of session.getStatus (pairing.public_key) or of the signal PasskeyRequest. The result is the
// parameter "response" of session.submitPasskey; it is also copied to the clipboard where the console offers copy().

const bytesOf = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
const textOf = (buffer) =>
  buffer && btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

// optionsOf and answerOf do what parseRequestOptionsFromJSON and toJSON do in browsers that have them.
function optionsOf(request) {
  if (PublicKeyCredential.parseRequestOptionsFromJSON) {
    return PublicKeyCredential.parseRequestOptionsFromJSON(request);
  }
  const allowCredentials = (request.allowCredentials ?? []).map((c) => ({ ...c, id: bytesOf(c.id) }));
  return { ...request, challenge: bytesOf(request.challenge), allowCredentials };
}

function answerOf(credential) {
  if (credential.toJSON) {
    return credential.toJSON();
  }
  const { clientDataJSON, authenticatorData, signature, userHandle } = credential.response;
  return {
    id: credential.id,
    rawId: textOf(credential.rawId),
    type: credential.type,
    response: {
      clientDataJSON: textOf(clientDataJSON),
      authenticatorData: textOf(authenticatorData),
      signature: textOf(signature),
      userHandle: textOf(userHandle),
    },
  };
}

async function signPasskey(request) {
  if (location.origin !== "https://web.whatsapp.com") {
    throw new Error("run this on https://web.whatsapp.com: a browser signs for whatsapp.com on WhatsApp's own pages only");
  }
  const credential = await navigator.credentials.get({ publicKey: optionsOf(request) });
  const answer = answerOf(credential);
  if (typeof copy === "function") {
    copy(JSON.stringify(answer));
  }
  return answer;
}

globalThis.signPasskey = signPasskey;
