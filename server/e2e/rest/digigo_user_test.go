package rest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/waystation/waystation/server/e2e/e2etest"
	"github.com/waystation/waystation/server/rest/resttest"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// digigoUser returns the cases of the own profile, of contacts, LIDs, devices and privacy.
func digigoUser() []restCase {
	return slices.Concat(digigoProfile(), digigoContacts(), digigoLookups(), digigoPrivacy())
}

// oneCall returns a case of the caller that is one call: values of the request, params of the method, and the effect.
func oneCall(operation, method string, values resttest.Values, params object, effect func(t *testing.T, w *restWorld, out outcome)) restCase {
	return restCase{operation: operation, prepare: func(_ *testing.T, w *restWorld) restAct {
		return restAct{values: values, calls: []restCall{{method, params}}, effect: func(t *testing.T, out outcome) { effect(t, w, out) }}
	}}
}

// seenByPeer returns the information about the caller that the peer gets.
func (w *restWorld) seenByPeer(t *testing.T) any {
	t.Helper()
	return e2etest.ValueAt(map[string]any(w.Call(t, w.Peer, "contact.getUserInfo", object{"contacts": []string{w.Caller.Number}})), "users/0")
}

func (w *restWorld) pictureSeenByPeer(t *testing.T, number string) any {
	t.Helper()
	return w.Call(t, w.Peer, "contact.getProfilePicture", object{"contact": number})["picture_id"]
}

func digigoProfile() []restCase {
	return []restCase{
		{operation: "GET /user/status", prepare: func(t *testing.T, w *restWorld) restAct {
			about := fmt.Sprintf("ashore %d", w.NextNumber())
			w.Call(t, w.Caller, "profile.setAbout", object{"about": about})
			return restAct{calls: []restCall{{"profile.get", nil}}, effect: func(t *testing.T, out outcome) { out.is(t, about, "status", "0/about") }}
		}},
		{operation: "POST /user/status", prepare: func(_ *testing.T, w *restWorld) restAct {
			about := fmt.Sprintf("afloat %d", w.NextNumber())
			return restAct{values: resttest.Values{"status": about}, calls: []restCall{{"profile.setAbout", object{"about": about}}}, effect: func(t *testing.T, out outcome) {
				out.is(t, about, "status", "0/about")
				e2etest.CheckSame(t, "as the peer sees it", object{"about": about}, w.seenByPeer(t))
			}}
		}},
		{operation: "POST /user/pushname", prepare: func(_ *testing.T, w *restWorld) restAct {
			name := fmt.Sprintf("Caller %d", w.NextNumber())
			return restAct{values: resttest.Values{"push_name": name}, calls: []restCall{{"profile.setName", object{"name": name}}}, effect: func(t *testing.T, out outcome) {
				out.is(t, name, "push_name", "0/name")
				testkit.Within(t, e2etest.FeedWait, "the name is set", func() bool { return w.Call(t, w.Caller, "profile.get", nil)["push_name"] == name })
			}}
		}},
		{operation: "POST /user/photo", prepare: func(t *testing.T, w *restWorld) restAct {
			s, file := w.NewLinkedSession(t), e2etest.DataURL("image/jpeg", e2etest.JPEGFile(t, 1+w.NextNumber()%100))
			return restAct{as: &s, values: resttest.Values{"Image": file}, calls: []restCall{{"profile.setPicture", object{"media": object{"base64": file}}}}, effect: func(t *testing.T, out outcome) {
				out.is(t, w.pictureSeenByPeer(t, s.Number), "PictureID", "0/picture_id")
			}}
		}},
		{operation: "POST /user/photo/remove", prepare: func(t *testing.T, w *restWorld) restAct {
			s := w.NewLinkedSession(t)
			w.Call(t, s, "profile.setPicture", object{"media": object{"base64": e2etest.JPEGFile(t, 7)}})
			return restAct{as: &s, calls: []restCall{{"profile.removePicture", nil}}, effect: func(t *testing.T, _ outcome) {
				e2etest.CheckSame(t, "as the peer sees it", nil, w.pictureSeenByPeer(t, s.Number))
			}}
		}},
		{operation: "POST /user/presence", prepare: func(t *testing.T, w *restWorld) restAct {
			w.Call(t, w.Peer, "presence.setAvailability", object{"available": true})
			w.Call(t, w.Peer, "presence.subscribe", object{"contacts": []string{w.Caller.Number}})
			w.Call(t, w.Caller, "presence.setAvailability", object{"available": false})
			feed := e2etest.FollowEvents(t, w.Server, w.Peer.ID)
			return restAct{values: resttest.Values{"type": "available"}, calls: []restCall{{"presence.setAvailability", object{"available": true}}}, effect: func(t *testing.T, _ outcome) {
				w.Call(t, w.Peer, "presence.subscribe", object{"contacts": []string{w.Caller.Number}}) // returns the present one again
				feed.Await(t, "Presence", object{"state": "available", "from": w.Caller.JID()})
			}}
		}},
		{operation: "POST /user/update", prepare: func(t *testing.T, w *restWorld) restAct {
			s, token, name := w.NewOfflineSession(t), fmt.Sprintf("a-new-token-%d-of-16", w.NextNumber()), fmt.Sprintf("Renamed %d", w.NextNumber())
			return restAct{
				as: &s, values: resttest.Values{"name": name, "token": token}, calls: []restCall{{"session.update", object{"name": name, "token": token}}},
				effect: func(t *testing.T, out outcome) {
					out.is(t, token, "token", "0/token")
					now := s
					now.Token = token
					e2etest.CheckSame(t, "session", object{"name": name, "session_id": s.ID}, w.Call(t, now, "session.get", nil)["session"])
				},
			}
		}},
	}
}

func digigoContacts() []restCase {
	jid := func(w *restWorld) string { return w.Peer.JID() }
	saved := func(t *testing.T, w *restWorld, number string) any {
		return e2etest.ValueAt(map[string]any(w.Call(t, w.Caller, "contact.get", object{"contact": number})), "contact")
	}
	cases := []restCase{
		{operation: "POST /user/info", prepare: func(_ *testing.T, w *restWorld) restAct {
			numbers := []string{w.Peer.Number, w.Shop}
			return restAct{example: 1, values: resttest.Values{"Phone": numbers}, calls: []restCall{{"contact.getUserInfo", object{"contacts": numbers}}}, effect: func(t *testing.T, out outcome) {
				out.is(t, "at sea", "users/"+jid(w)+"/status", "0/users/contact="+jid(w)+"/about")
				if devices, _ := out.at("users/"+jid(w)+"/devices", "0/users/contact="+jid(w)+"/devices").([]any); len(devices) != 2 {
					t.Errorf("devices %v", devices)
				}
				out.is(t, true, "users/"+e2etest.JIDOf(w.Shop)+"/is_business_account", "0/users/contact="+e2etest.JIDOf(w.Shop)+"/is_business")
			}}
		}},
		{operation: "POST /user/avatar", prepare: func(_ *testing.T, w *restWorld) restAct {
			none := resttest.Values{"IsCommunity": resttest.Absent, "CommonGID": resttest.Absent, "InviteCode": resttest.Absent, "PersonaID": resttest.Absent}
			return restAct{
				values: none.With(resttest.Values{"Phone": w.Peer.Number, "Preview": true}),
				calls:  []restCall{{"contact.getProfilePicture", object{"contact": w.Peer.Number, "preview": true}}},
				effect: func(t *testing.T, out outcome) {
					own := w.Call(t, w.Peer, "contact.getProfilePicture", object{"contact": w.Peer.Number, "preview": true})
					out.is(t, own["picture_id"], "id", "0/picture_id")
					out.is(t, "preview", "type", "0/type")
				},
			}
		}},
		{operation: "POST /user/contact/info", prepare: func(_ *testing.T, w *restWorld) restAct {
			parts := []string{"registration", "user_info", "picture", "business_profile", "devices"}
			return restAct{
				values: resttest.Values{"phone": w.Peer.Number}, calls: []restCall{{"contact.get", object{"contact": w.Peer.Number, "include": parts}}},
				effect: func(t *testing.T, out outcome) {
					out.is(t, jid(w), "jid", "0/contact/contact")
					out.is(t, "at sea", "user_info/status", "0/user_info/about")
					out.is(t, true, "is_on_whatsapp", "0/registered")
					if out.rpc == nil {
						e2etest.CheckSame(t, "input_type", "phone", out.at("input_type", ""))
						e2etest.CheckSame(t, "device", object{"server": "s.whatsapp.net", "user": w.Peer.Number, "ad": w.Peer.Number + ".0:0@s.whatsapp.net"}, out.at("devices/0", ""))
					}
				},
			}
		}},
		{operation: "POST /user/contact/add", prepare: func(t *testing.T, w *restWorld) restAct {
			number := w.NewPhone(t)
			return restAct{
				values: resttest.Values{"phone": number, "full_name": "Nora Quay"}, calls: []restCall{{"contact.save", object{"contact": number, "full_name": "Nora Quay"}}},
				effect: func(t *testing.T, _ outcome) {
					e2etest.CheckSame(t, "contact", object{"full_name": "Nora Quay", "is_saved": true}, saved(t, w, number))
				},
			}
		}},
		{operation: "POST /user/contact/remove", prepare: func(t *testing.T, w *restWorld) restAct {
			number := w.NewPhone(t)
			w.Call(t, w.Caller, "contact.save", object{"contact": number, "full_name": "Nora Quay"})
			return restAct{values: resttest.Values{"phone": number}, calls: []restCall{{"contact.remove", object{"contact": number}}}, effect: func(t *testing.T, _ outcome) {
				e2etest.CheckSame(t, "contact", object{"is_saved": false}, saved(t, w, number))
			}}
		}},
	}
	for _, c := range wuzapiUser() {
		if c.operation == "POST /user/check" || c.operation == "GET /user/contacts" {
			c.rules.Extra = append(c.rules.Extra, "data.Users[].Error")
			cases = append(cases, c)
		}
	}
	return cases
}

func digigoLookups() []restCase {
	cases := []restCase{
		{operation: "GET /user/lid/mappings", prepare: func(t *testing.T, w *restWorld) restAct {
			w.Call(t, w.Caller, "contact.resolveLid", object{"contact": w.Peer.Number})
			return restAct{values: resttest.Values{"limit": 1000, "offset": 0}, calls: []restCall{{"contact.listLidMappings", object{"limit": 1000}}}, effect: func(t *testing.T, out outcome) {
				lid := w.Call(t, w.Caller, "contact.resolveLid", object{"contact": w.Peer.Number})["lid"]
				out.is(t, lid, "mappings/phone="+w.Peer.JID()+"/lid", "0/mappings/contact="+w.Peer.JID()+"/lid")
			}}
		}},
		{operation: "GET /device/linked", prepare: func(_ *testing.T, w *restWorld) restAct {
			return restAct{calls: []restCall{{"device.listLinked", nil}}, effect: func(t *testing.T, out outcome) {
				out.is(t, 0, "linked_devices/0/device_id", "0/devices/0/device_id")
				if list, _ := out.at("linked_devices", "0/devices").([]any); len(list) != 2 {
					t.Errorf("devices %v", list)
				}
			}}
		}},
		oneCall("POST /device/platform", "device.getPlatform", resttest.Values{"device_id": 0}, object{"device_id": 0}, func(t *testing.T, _ *restWorld, out outcome) {
			out.is(t, 0, "device_id", "0/device_id")
		}),
	}
	for _, path := range []string{"/device/users", "/device/users/context"} {
		cases = append(cases, restCase{operation: "POST " + path, prepare: func(_ *testing.T, w *restWorld) restAct {
			people := []string{w.Peer.Number, w.Shop}
			return restAct{values: resttest.Values{"jids": people}, calls: []restCall{{"device.list", object{"contacts": people}}}, effect: func(t *testing.T, out outcome) {
				out.is(t, 2, "total_users", "0/total_users")
				if list, _ := out.at("devices/jid="+w.Peer.JID()+"/devices", "0/users/contact="+w.Peer.JID()+"/devices").([]any); len(list) != 2 {
					t.Errorf("devices of the peer %v", list)
				}
			}}
		}})
	}
	for _, method := range []string{"GET", "POST"} {
		for path, field := range map[string]string{"/user/lid/get": "phone", "/user/lid/from-lid": "lid"} {
			cases = append(cases, restCase{operation: method + " " + path, prepare: func(t *testing.T, w *restWorld) restAct {
				pair := w.Call(t, w.Caller, "contact.resolveLid", object{"contact": w.Peer.Number})
				of := map[string]any{"phone": pair["contact"], "lid": pair["lid"]}
				return restAct{values: resttest.Values{field: of[field]}, calls: []restCall{{"contact.resolveLid", object{"contact": of[field]}}}, effect: func(t *testing.T, out outcome) {
					out.is(t, pair["lid"], "lid", "0/lid")
					out.is(t, w.Peer.JID(), "phone", "0/contact")
				}}
			}})
		}
	}
	return cases
}

func digigoPrivacy() []restCase {
	privacy := func(t *testing.T, w *restWorld) any {
		return w.Call(t, w.Caller, "privacy.getSettings", nil)["settings"]
	}
	shown := func(path, prefix string) restCase {
		return restCase{operation: "GET " + path, prepare: func(t *testing.T, w *restWorld) restAct {
			w.Call(t, w.Caller, "privacy.updateSettings", object{"group_add": "contacts", "read_receipts": "all"})
			return restAct{calls: []restCall{{"privacy.getSettings", nil}}, effect: func(t *testing.T, out outcome) {
				out.is(t, "contacts", prefix+"group_add", "0/settings/group_add")
			}}
		}}
	}
	blocked := func(t *testing.T, w *restWorld) (list []string) {
		for _, contact := range w.Call(t, w.Caller, "contact.listBlocked", nil)["contacts"].([]any) {
			list = append(list, e2etest.TextOf(e2etest.ValueAt(contact, "contact")))
		}
		return list
	}
	return []restCase{
		shown("/user/privacy/settings", ""), shown("/privacy/settings", "privacy_settings/"),
		{operation: "POST /privacy/settings", prepare: func(t *testing.T, w *restWorld) restAct {
			w.Call(t, w.Caller, "privacy.updateSettings", object{"last_seen": "all"})
			return restAct{
				values: resttest.Values{"setting": "last_seen", "value": "none"}, calls: []restCall{{"privacy.updateSettings", object{"last_seen": "none"}}},
				effect: func(t *testing.T, _ outcome) {
					e2etest.CheckSame(t, "settings", object{"last_seen": "none"}, privacy(t, w))
				},
			}
		}},
		oneCall("POST /privacy/disappearing-timer", "privacy.setDefaultDisappearingTimer", resttest.Values{"timer": "7d"}, object{"disappearing_seconds": 604800}, func(t *testing.T, w *restWorld, out outcome) {
			if out.rpc == nil {
				e2etest.CheckSame(t, "message", "Default disappearing timer set to 7d", out.at("message", ""))
			}
			var account map[string]any
			e2etest.MustCall(t, w.Network.Addr, "sandbox.getAccount", object{"account": w.Caller.Number}, &account)
			e2etest.CheckSame(t, "account", object{"disappearing_seconds": 604800}, account)
		}),
		{operation: "GET /privacy/blocklist", prepare: func(t *testing.T, w *restWorld) restAct {
			number := w.NewPhone(t)
			w.Call(t, w.Caller, "contact.setBlocked", object{"contacts": []string{number}, "blocked": true})
			return restAct{calls: []restCall{{"contact.listBlocked", nil}}, effect: func(t *testing.T, out outcome) {
				if out.rpc == nil && !strings.Contains(fmt.Sprint(out.at("blocked_contacts", "")), number) {
					t.Errorf("blocked %v", out.rest)
				}
			}}
		}},
		{operation: "POST /privacy/blocklist", prepare: func(t *testing.T, w *restWorld) restAct {
			numbers := []string{w.NewPhone(t), w.NewPhone(t)}
			return restAct{
				values: resttest.Values{"action": "block", "users": numbers}, calls: []restCall{{"contact.setBlocked", object{"contacts": numbers, "blocked": true}}},
				effect: func(t *testing.T, out outcome) {
					if out.rpc == nil {
						e2etest.CheckSame(t, "message", "Successfully blocked 2 contact(s)", out.at("message", ""))
					}
					for _, number := range numbers {
						if !slices.Contains(blocked(t, w), e2etest.JIDOf(number)) {
							t.Errorf("%s is not blocked", number)
						}
					}
				},
			}
		}},
		oneCall("GET /privacy/status", "status.getPrivacy", nil, nil, func(t *testing.T, _ *restWorld, out outcome) {
			out.is(t, "contacts", "status_privacy", "0/type")
		}),
	}
}
