package rest

import (
	"bytes"
	"fmt"
	"image/png"
	"path/filepath"
	"testing"

	"github.com/waystation/waystation/server/e2e/e2etest"
	"github.com/waystation/waystation/server/rest/resttest"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// wwebjsSession returns the cases of sessions.
func wwebjsSession() []restCase {
	return []restCase{
		{operation: "GET /ping", prepare: func(*testing.T, *restWorld) restAct {
			return restAct{as: &e2etest.Session{}, calls: []restCall{{"server.ping", nil}}, effect: func(*testing.T, outcome) {}}
		}},
		{operation: "GET /session/start/{sessionId}", prepare: func(t *testing.T, w *restWorld) restAct {
			name := fmt.Sprintf("started-%d", w.NextNumber())
			w.removeLater(t, name)
			return restAct{
				as: admins(), values: resttest.Values{"sessionId": name}, calls: []restCall{{"session.create", object{"session_id": name, "connect": true}}},
				effect: func(t *testing.T, _ outcome) {
					testkit.Within(t, e2etest.FeedWait, "a QR code", func() bool {
						return e2etest.TextOf(w.Call(t, e2etest.Session{ID: name}, "session.getQrCode", nil)["code"]) != ""
					})
				},
			}
		}},
		{operation: "GET /session/status/{sessionId}", prepare: func(*testing.T, *restWorld) restAct {
			return restAct{calls: []restCall{{"session.getStatus", nil}}, effect: func(t *testing.T, out outcome) { checkState(t, out, "CONNECTED") }}
		}},
		{operation: "GET /session/qr/{sessionId}", prepare: func(t *testing.T, w *restWorld) restAct {
			s := w.pairing(t)
			return restAct{as: &s, calls: []restCall{{"session.getQrCode", nil}}, effect: func(t *testing.T, out outcome) {
				code := e2etest.TextOf(out.at("qr", "0/code"))
				e2etest.MustCall(t, w.Network.Addr, "sandbox.scanQrCode", object{"account": s.Number, "qr": code}, nil)
				w.AwaitState(t, s, "connected")
			}}
		}},
		{
			operation: "GET /session/qr/{sessionId}/image",
			prepare: func(t *testing.T, w *restWorld) restAct {
				s := w.pairing(t)
				return restAct{as: &s}
			},
			stream: func(t *testing.T, r *restRun, mount string) {
				s := r.w.pairing(t)
				answer := r.send(t, mount, s.Token, &resttest.Request{Method: "GET", Path: "/session/qr/" + s.ID + "/image"})
				if picture, err := png.Decode(bytes.NewReader(answer.Body)); err != nil || answer.ContentType() != "image/png" || picture.Bounds().Dx() < 100 {
					t.Errorf("%d %v: %v", answer.Status, answer.Header, err)
				}
			},
		},
		{operation: "GET /session/restart/{sessionId}", prepare: func(t *testing.T, w *restWorld) restAct {
			s := w.NewLinkedSession(t)
			since := w.Call(t, s, "session.getStatus", nil)["last_connected_at"]
			return restAct{as: &s, calls: []restCall{{"session.restart", nil}}, effect: func(t *testing.T, _ outcome) {
				if now := w.Call(t, s, "session.getStatus", nil); now["state"] != "connected" || now["last_connected_at"] == since {
					t.Errorf("the session did not connect again: %v", now)
				}
			}}
		}},
		{operation: "GET /session/terminate/{sessionId}", prepare: func(t *testing.T, w *restWorld) restAct {
			s := w.NewLinkedSession(t)
			return restAct{
				as: admins(), values: resttest.Values{"sessionId": s.ID}, calls: []restCall{{"session.delete", object{"session": s.ID}}},
				effect: func(t *testing.T, _ outcome) { w.checkGone(t, s, 0) },
			}
		}},
		flushCase("GET /session/terminateInactive", []string{"linked"}),
		flushCase("GET /session/terminateAll", []string{}),
	}
}

// checkState checks the state of the session in an answer.
func checkState(t *testing.T, out outcome, want string) {
	t.Helper()
	if out.rpc == nil {
		e2etest.CheckSame(t, "state", want, out.at("state", ""))
		return
	}
	e2etest.CheckSame(t, "state", "connected", out.at("", "0/state"))
}

// flushCase returns the case of a removal of sessions. It has a server of its own with three sessions, of which some are left.
func flushCase(operation string, left []string) restCase {
	return restCase{
		operation: operation,
		prepare:   func(*testing.T, *restWorld) restAct { return restAct{as: admins()} },
		stream: func(t *testing.T, r *restRun, mount string) {
			dir, network := t.TempDir(), r.w.Network
			own := &restWorld{&e2etest.DialectWorld{Network: network}}
			own.Server = e2etest.StartServer(t, testkit.FreeAddress(t), network, r.w.Root, dir, filepath.Join(dir, "waystation.db"))
			s := e2etest.Session{ID: "linked", Number: fmt.Sprintf("155506003%02d", r.w.NextNumber())}
			e2etest.MustCall(t, network.Addr, "sandbox.createAccount", object{"number": s.Number}, nil)
			for _, id := range []string{s.ID, "pairing", "idle"} {
				e2etest.MustCall(t, own.Server.Addr, "session.create", object{"session_id": id, "connect": id != "idle"}, nil)
			}
			testkit.Within(t, e2etest.FeedWait, "the QR code is there and scanned", func() bool {
				return e2etest.CallMethod(own.Server.Addr, "sandbox.scanQrCode", object{"account": s.Number, "session": s.ID}, nil) == nil
			})
			own.AwaitState(t, s, "connected")
			run := &restRun{restDialect: r.restDialect, w: own, catalogue: r.catalogue}
			o := r.operation(t, operation)
			request, err := o.Request(0, nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range o.CompareSuccess(run.send(t, mount, e2etest.AdminToken, request), r.rules) {
				t.Error(f)
			}
			var list struct {
				Sessions []struct {
					ID string `json:"session_id"`
				}
			}
			e2etest.MustCall(t, own.Server.Addr, "session.list", object{}, &list)
			ids := []string{}
			for _, session := range list.Sessions {
				ids = append(ids, session.ID)
			}
			e2etest.CheckSame(t, "sessions", left, ids)
			if n := own.Devices(t, s); n != len(left) {
				t.Errorf("the account has %d devices instead of %d", n, len(left))
			}
		},
	}
}

func wwebjsSessionErrors() []provocation {
	return []provocation{
		{"", "Session already exists for: ABCD", func(t *testing.T, p *provoked) {
			e2etest.MustCall(t, p.run.w.Server.Addr, "session.create", object{"session_id": "ABCD", "connect": true}, nil)
			p.run.w.removeLater(t, "ABCD")
			p.values = p.values.With(resttest.Values{"sessionId": "ABCD"})
		}},
		{"", "qr code not ready or already scanned", wwebjsAs(func(w *restWorld) e2etest.Session { return w.Caller })},
	}
}

// wwebjsSessionForms checks answers that the catalogue has in words only.
func wwebjsSessionForms(t *testing.T, r *restRun) {
	get := func(token, path string, status int, want object) {
		t.Helper()
		answer := r.send(t, r.mounts[1], token, &resttest.Request{Method: "GET", Path: path})
		if answer.Status != status {
			t.Errorf("%s: %d %.200s", path, answer.Status, answer.Body)
		}
		e2etest.CheckSame(t, path, want, answer.JSON())
	}
	stopped, pairing := r.w.NewOfflineSession(t), r.w.pairing(t)
	get(stopped.Token, "/session/status/"+stopped.ID, 200, object{"success": false, "state": "OPENING", "message": "session_not_connected"})
	get(stopped.Token, "/session/start/"+stopped.ID, 200, object{"success": true, "message": "Session initiated successfully"})
	r.w.AwaitState(t, stopped, "connected")
	get(stopped.Token, "/session/start/"+stopped.ID, 422, object{"success": false, "error": "Session already exists for: " + stopped.ID})
	get(pairing.Token, "/session/status/"+pairing.ID, 200, object{"success": false, "state": "UNPAIRED"})
	get(r.w.Idle.Token, "/session/status/"+r.w.Idle.ID, 200, object{"success": false, "state": "UNLAUNCHED"})
	// The token of a session makes and removes none.
	for _, path := range []string{"/session/start/another", "/session/terminate/" + stopped.ID, "/session/terminateInactive", "/session/terminateAll"} {
		get(stopped.Token, path, 403, object{"success": false, "error": "Invalid API key"})
	}
	get(stopped.Token, "/session/terminate/"+r.w.Idle.ID, 200, object{"success": false, "message": "session_not_found", "state": nil})
}
