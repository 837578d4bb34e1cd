package api

import (
	"encoding/json"
	"html/template"
	"net/http"
	"strings"
	texttemplate "text/template"

	"github.com/waystation/waystation/rpc/methods"
)

// healthPath serves the result of server.getHealth without a token.
const healthPath = "/v1/health"

// serveHealth answers GET /v1/health: the result of server.getHealth, with status 503 when the server is unhealthy.
// GET /health belongs to DIGIGO's document and has only that document's keys.
func (a *API) serveHealth(w http.ResponseWriter, r *http.Request) {
	health := a.Health(r.Context())
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if health.Status == methods.Unhealthy {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(health) // a failed write means that the client has disconnected
}

// landingPage is the data of GET /.
type landingPage struct {
	Version, Socket, Base string
	Sandbox               bool
	Links                 []landingLink
}

type landingLink struct{ Path, About string }

// landingOf lists the addresses under base, the URL under which the client reached the server.
func (a *API) landingOf(base string) landingPage {
	page := landingPage{
		Version: a.Version, Base: base, Socket: strings.Replace(base, "http", "ws", 1) + "/v1/ws", Sandbox: a.Settings.OnSandbox(),
		Links: []landingLink{
			{healthPath, "health of the server and of its dependencies"},
			{metricsPath, "metrics for Prometheus; needs the admin token"},
		},
	}
	for _, d := range a.Dialects.Dialects() {
		for _, mount := range d.Mounts {
			if mount != "" {
				page.Links = append(page.Links, landingLink{mount + "/openapi.json", "OpenAPI document of " + d.Title})
			}
		}
	}
	return page
}

// landingPolicy permits the page to load only its own style sheet.
const landingPolicy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// serveLanding answers GET / with the addresses a newcomer needs: as a page for browsers, as text for programs.
func (a *API) serveLanding(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Add("Vary", "Accept")
	base := strings.TrimSuffix(a.Settings.PublicURL, "/")
	if base == "" {
		base = "http://" + r.Host
	}
	if strings.Contains(r.Header.Get("Accept"), "text/html") {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", landingPolicy)
		_ = landingHTML.Execute(w, a.landingOf(base)) // a failed write means that the client has disconnected
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_ = landingText.Execute(w, a.landingOf(base))
}

var landingHTML = template.Must(template.New("landing").Parse(`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Waystation</title>
<style>
  :root { color-scheme: light dark; }
  body { max-width: 42rem; margin: 3rem auto; padding: 0 1rem; font: 1rem/1.55 system-ui, sans-serif; }
  h1 { font-size: 1.5rem; }
  h2 { font-size: 1.15rem; margin-top: 2rem; }
  code { font: .9em/1.5 ui-monospace, monospace; overflow-wrap: anywhere; }
  li { margin: .35rem 0; }
</style>
</head>
<body>
<h1>Waystation {{.Version}}</h1>
<p>The server is running{{if .Sandbox}} on a simulated WhatsApp network{{end}}.</p>
<h2>Connect</h2>
<ul>
  <li>WebSocket, calls and events: <code>{{.Socket}}</code></li>
  <li>Single calls: <code>POST {{.Base}}/v1/rpc</code>. The method <code>rpc.discover</code> lists all methods.</li>
  <li>Both need a token: a session's token or the admin token.</li>
</ul>
<h2>Addresses</h2>
<ul>
{{- range .Links}}
  <li><a href="{{.Path}}">{{.Path}}</a>: {{.About}}</li>
{{- end}}
</ul>
<p>Guides and examples are in the folder docs of the project; the README has the map.</p>
</body>
</html>
`))

var landingText = texttemplate.Must(texttemplate.New("landing").Parse(`Waystation {{.Version}} is running{{if .Sandbox}} on a simulated WhatsApp network{{end}}.

  WebSocket, calls and events  {{.Socket}}
  Single calls                 POST {{.Base}}/v1/rpc (rpc.discover lists all methods)
{{range .Links}}  {{.Path}}: {{.About}}
{{end}}`))
