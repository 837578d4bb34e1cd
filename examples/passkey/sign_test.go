package passkey

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/waystation/waystation/examples/internal/exampletest"
)

type object = exampletest.Object

// browser stands for the page: its authenticator gives the answer that the sandbox signed, in the form of browsers with and without toJSON.
const browser = `
const { request, answer, modern, origin } = JSON.parse(require("fs").readFileSync(0, "utf8"));
const buffer = (text) => text && Uint8Array.from(Buffer.from(text, "base64url")).buffer;
const get = async ({ publicKey }) => {
  const challenge = Buffer.from(publicKey.challenge).toString("base64url");
  if (challenge !== request.challenge || publicKey.rpId !== request.rpId || !Array.isArray(publicKey.allowCredentials)) {
    throw new Error("asked for something else: " + challenge);
  }
  const response = Object.fromEntries(Object.entries(answer.response).map(([k, v]) => [k, buffer(v)]));
  const credential = { id: answer.id, rawId: buffer(answer.rawId), type: answer.type, response };
  return modern ? { ...credential, toJSON: () => answer } : credential;
};
Object.defineProperty(globalThis, "navigator", { value: { credentials: { get } } });
globalThis.location = { origin };
globalThis.PublicKeyCredential = modern
  ? { parseRequestOptionsFromJSON: (r) => ({ ...r, challenge: buffer(r.challenge), allowCredentials: r.allowCredentials }) }
  : {};
require(process.argv[1]);
signPasskey(request).then((a) => console.log(JSON.stringify(a)), (e) => { console.error(e.message); process.exit(1); });
`

func sign(t *testing.T, in object) (object, string) {
	t.Helper()
	script, err := filepath.Abs("sign.js")
	if err != nil {
		t.Fatal(err)
	}
	input, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	node := exec.CommandContext(t.Context(), "node", "-e", browser, script)
	node.Stdin, node.Env = strings.NewReader(string(input)), os.Environ()
	var errors strings.Builder
	node.Stderr = &errors
	raw, err := node.Output()
	if err != nil {
		return nil, errors.String()
	}
	var answer object
	if err := json.Unmarshal(raw, &answer); err != nil {
		t.Fatalf("%v in %s", err, raw)
	}
	return answer, ""
}

func TestSignPairsASession(t *testing.T) {
	w := exampletest.StartServer(t, exampletest.BuildProgram(t, "../../server"), exampletest.FreeAddress(t), nil, "-sandbox", "-data-dir", t.TempDir())
	w.Call("sandbox.createAccount", object{"number": exampletest.Owner, "passkey": object{}})
	status := func() object { return w.Call("session.getStatus", object{"session": "shop"}) }
	for _, modern := range []bool{true, false} {
		w.Call("session.create", object{"session_id": "shop", "connect": true})
		exampletest.Eventually(t, "code", func() bool { return status()["state"] == "pairing" })
		w.Call("sandbox.scanQrCode", object{"account": exampletest.Owner, "session": "shop"})
		var request any
		exampletest.Eventually(t, "passkey request", func() bool {
			pairing, _ := status()["pairing"].(object)
			request = pairing["public_key"]
			return request != nil
		})
		signed := w.Call("sandbox.signPasskey", object{"account": exampletest.Owner, "session": "shop"})["response"]
		in := object{"request": request, "answer": signed, "modern": modern, "origin": "https://example.com"}
		if _, failed := sign(t, in); !strings.Contains(failed, "web.whatsapp.com") {
			t.Errorf("on another origin: %q", failed)
		}
		in["origin"] = "https://web.whatsapp.com"
		answer, failed := sign(t, in)
		if failed != "" {
			t.Fatal(failed)
		}
		w.Call("session.submitPasskey", object{"session": "shop", "response": answer})
		exampletest.Eventually(t, "connection", func() bool { return status()["state"] == "connected" })
		w.Call("session.delete", object{"session": "shop"})
	}
}
