package e2e

import (
	"bytes"
	"fmt"
	"image/png"
	"strings"
	"testing"

	"github.com/waystation/waystation/server/rest/resttest"
)

// wuzapiCases returns the cases of all operations of wuzapi.
func wuzapiCases() []restCase {
	var all []restCase
	for _, part := range [][]restCase{wuzapiSession(), wuzapiUser(), wuzapiSends(), wuzapiChat(), wuzapiDownloads(), wuzapiGroup()} {
		all = append(all, part...)
	}
	return all
}

// extra allows keys that the document does not have.
func extra(paths ...string) resttest.Rules { return resttest.Rules{Extra: paths} }

// ofGroup returns the undocumented keys of the real server in a group object under the prefix.
func ofGroup(prefix string) []string {
	keys := []string{
		"DefaultMembershipApprovalMode", "IsDefaultSubGroup", "IsIncognito", "IsParent", "LinkedParentJID", "MemberAddMode", "TopicDeleted",
		"Participants[].DisplayName", "Participants[].Error", "Participants[].LID",
	}
	for i := range keys {
		keys[i] = prefix + keys[i]
	}
	return keys
}

func wuzapiSession() []restCase {
	return []restCase{
		{operation: "POST /webhook", prepare: func(_ *testing.T, w *restWorld) restAct {
			path := fmt.Sprintf("/set/%d", w.nextNumber())
			url := w.receiver.url + path
			return restAct{
				values: resttest.Values{"webhookURL": url},
				calls:  []restCall{{"webhook.update", object{"url": url, "events": []string{"*"}, "active": true}}},
				effect: func(t *testing.T, out outcome) {
					out.is(t, url, "webhook", "0/webhook/url")
					same(t, "webhook", object{"url": url, "active": true}, w.call(t, w.caller, "webhook.get", nil)["webhook"])
					id, _ := w.receive(t, w.peer.number, object{"type": "text", "text": "for the webhook"})
					w.receiver.await(t, path, id)
				},
			}
		}},
		{operation: "GET /webhook", prepare: func(t *testing.T, w *restWorld) restAct {
			url := fmt.Sprintf("%s/get/%d", w.receiver.url, w.nextNumber())
			w.call(t, w.caller, "webhook.update", object{"url": url, "events": []string{"Message"}})
			return restAct{
				calls: []restCall{{"webhook.get", nil}},
				effect: func(t *testing.T, out outcome) {
					out.is(t, url, "webhook", "0/webhook/url")
					out.is(t, []string{"Message"}, "subscribe", "0/webhook/events")
				},
			}
		}},
		{operation: "POST /session/connect", prepare: func(t *testing.T, w *restWorld) restAct {
			s := w.newOfflineSession(t)
			return restAct{
				as: &s, calls: []restCall{{"webhook.update", object{"events": []string{"Message"}}}, {"session.connect", object{"wait_seconds": 10}}},
				effect: func(t *testing.T, out outcome) {
					w.awaitState(t, s, "connected")
					sent := w.call(t, s, "message.sendText", object{"to": w.peer.number, "text": "back"})
					w.onPhone(t, w.peer.number, str(sent["message_id"]), object{"text": "back"})
					same(t, "events", []string{"Message"}, valueAt(map[string]any(w.call(t, s, "webhook.get", nil)), "webhook/events"))
				},
			}
		}},
		{operation: "POST /session/disconnect", prepare: func(t *testing.T, w *restWorld) restAct {
			s := w.newLinkedSession(t)
			return restAct{as: &s, calls: []restCall{{"session.disconnect", nil}}, effect: func(t *testing.T, _ outcome) {
				if state, devices := w.state(t, s), w.devices(t, s); state != "disconnected" && state != "stopped" || devices != 1 {
					t.Errorf("the session is %s, the account has %d devices", state, devices)
				}
			}}
		}},
		{operation: "POST /session/logout", prepare: func(t *testing.T, w *restWorld) restAct {
			s := w.newLinkedSession(t)
			return restAct{as: &s, calls: []restCall{{"session.logout", nil}}, effect: func(t *testing.T, _ outcome) {
				if n := w.devices(t, s); n != 0 {
					t.Errorf("the account still has %d devices", n)
				}
			}}
		}},
		{operation: "GET /session/status", prepare: func(_ *testing.T, _ *restWorld) restAct {
			return restAct{calls: []restCall{{"session.getStatus", nil}}, effect: func(t *testing.T, out outcome) {
				out.is(t, true, "Connected", "0/connected")
				out.is(t, true, "LoggedIn", "0/logged_in")
			}}
		}},
		{operation: "GET /session/qr", prepare: func(t *testing.T, w *restWorld) restAct {
			s := w.newPairingSession(t)
			return restAct{as: &s, calls: []restCall{{"session.getQrCode", nil}}, effect: func(t *testing.T, out outcome) {
				kind, file := fromDataURL(t, out.at("QRCode", "0/image"))
				picture, err := png.Decode(bytes.NewReader(file))
				if err != nil || kind != "image/png" || picture.Bounds().Dx() < 100 {
					t.Fatalf("%s: %v", kind, err)
				}
				same(t, "the code shown", w.call(t, s, "session.getQrCode", nil)["image"], out.at("QRCode", "0/image"))
				must(t, w.server.addr, "sandbox.scanQrCode", object{"account": s.number, "session": s.id}, nil)
				w.awaitState(t, s, "connected")
			}}
		}},
	}
}

func wuzapiUser() []restCase {
	return []restCase{
		{operation: "POST /user/info", prepare: func(_ *testing.T, w *restWorld) restAct {
			return restAct{
				values: resttest.Values{"Phone": []string{w.peer.number, w.shop}},
				calls:  []restCall{{"contact.getUserInfo", object{"contacts": []string{w.peer.number, w.shop}}}},
				effect: func(t *testing.T, out outcome) {
					peer, shop := w.peer.jid(), jidOf(w.shop)
					out.is(t, "at sea", "Users/"+peer+"/Status", "0/users/contact="+peer+"/about")
					devices, _ := out.at("Users/"+peer+"/Devices", "0/users/contact="+peer+"/devices").([]any)
					if len(devices) != 2 {
						t.Errorf("the peer has the devices %v", devices)
					}
					if str(out.at("Users/"+peer+"/PictureID", "0/users/contact="+peer+"/picture_id")) == "" {
						t.Error("the peer has no picture")
					}
					out.is(t, "Shop Inc.", "Users/"+shop+"/VerifiedName/Details/verifiedName", "0/users/contact="+shop+"/verified_name")
					rest, rpc := "Users/"+shop+"/VerifiedName/Certificate/", "0/users/contact="+shop+"/verified_name_details/"
					if str(out.at(rest+"details", rpc+"details")) == "" || str(out.at(rest+"signature", rpc+"signature")) == "" {
						t.Error("the certificate of the name is not whole")
					}
				},
			}
		}},
		{operation: "POST /user/check", prepare: func(_ *testing.T, w *restWorld) restAct {
			const nobody = "15550699999"
			numbers := []string{w.shop, nobody}
			return restAct{
				values: resttest.Values{"Phone": numbers},
				calls:  []restCall{{"contact.checkRegistered", object{"numbers": numbers}}},
				effect: func(t *testing.T, out outcome) {
					out.is(t, true, "Users/Query="+w.shop+"/IsInWhatsapp", "0/results/number="+w.shop+"/registered")
					out.is(t, "Shop Inc.", "Users/Query="+w.shop+"/VerifiedName", "0/results/number="+w.shop+"/verified_name")
					out.is(t, jidOf(w.shop), "Users/Query="+w.shop+"/JID", "0/results/number="+w.shop+"/contact")
					out.is(t, false, "Users/Query="+nobody+"/IsInWhatsapp", "0/results/number="+nobody+"/registered")
				},
			}
		}},
		// The document has the bare object, the real server other keys in an envelope: the answer contains both.
		{operation: "GET /user/avatar", rules: extra(
			"code", "data", "success", "URL", "ID", "Type", "DirectPath", "data.URL", "data.ID", "data.Type", "data.DirectPath",
		), prepare: func(_ *testing.T, w *restWorld) restAct {
			return restAct{
				values: resttest.Values{"Phone": w.peer.number, "Preview": true},
				calls:  []restCall{{"contact.getProfilePicture", object{"contact": w.peer.number, "preview": true}}},
				effect: func(t *testing.T, out outcome) {
					own := w.call(t, w.peer, "contact.getProfilePicture", object{"contact": w.peer.number, "preview": true})
					out.is(t, own["picture_id"], "ID", "0/picture_id")
					out.is(t, "preview", "Type", "0/type")
					out.is(t, own["direct_path"], "DirectPath", "0/direct_path")
				},
			}
		}},
		{operation: "GET /user/contacts", rules: extra("success"), prepare: func(_ *testing.T, w *restWorld) restAct {
			return restAct{calls: []restCall{{"contact.list", nil}}, effect: func(t *testing.T, out outcome) {
				out.is(t, w.peer.id, w.peer.jid()+"/PushName", "0/contacts/contact="+w.peer.jid()+"/push_name")
			}}
		}},
	}
}

func wuzapiGroup() []restCase {
	named := func(name string) (rest, rpc string) { return "Groups/Name=" + name, "0/groups/name=" + name }
	members := func(t *testing.T, w *restWorld, group string) int {
		var list struct{ Participants []string }
		must(t, w.network.addr, "sandbox.listMembers", object{"group": group}, &list)
		return len(list.Participants)
	}
	return []restCase{
		{operation: "GET /group/list", rules: extra(ofGroup("data.Groups[].")...), prepare: func(t *testing.T, w *restWorld) restAct {
			name := fmt.Sprintf("Listed %d", w.nextNumber())
			group := w.newGroup(t, name, w.peer.number)
			return restAct{calls: []restCall{{"group.list", nil}}, effect: func(t *testing.T, out outcome) {
				rest, rpc := named(name)
				out.is(t, group, rest+"/JID", rpc+"/group")
				out.is(t, w.caller.jid(), rest+"/OwnerJID", rpc+"/owner")
				out.is(t, true, rest+"/Participants/JID="+w.caller.jid()+"/IsAdmin", rpc+"/participants/contact="+w.caller.jid()+"/is_admin")
				out.is(t, false, rest+"/Participants/JID="+w.peer.jid()+"/IsAdmin", rpc+"/participants/contact="+w.peer.jid()+"/is_admin")
			}}
		}},
		{operation: "GET /group/invitelink", prepare: func(_ *testing.T, w *restWorld) restAct {
			return restAct{
				values: resttest.Values{"GroupJID": w.group},
				calls:  []restCall{{"group.getInviteLink", object{"group": w.group}}},
				effect: func(t *testing.T, out outcome) {
					link := str(out.at("InviteLink", "0/url"))
					var invite struct{ Code string }
					must(t, w.network.addr, "sandbox.getInviteCode", object{"account": w.caller.number, "group": w.group}, &invite)
					if link != "https://chat.whatsapp.com/"+invite.Code {
						t.Errorf("the link is %s, the code %s", link, invite.Code)
					}
					before := members(t, w, w.group)
					must(t, w.network.addr, "sandbox.joinGroup", object{"account": w.newPhone(t), "code": invite.Code}, nil)
					if now := members(t, w, w.group); now != before+1 {
						t.Errorf("%d members after %d", now, before)
					}
				},
			}
		}},
		{operation: "GET /group/info", rules: extra(ofGroup("data.")...), prepare: func(_ *testing.T, w *restWorld) restAct {
			return restAct{
				values: resttest.Values{"GroupJID": w.group},
				calls:  []restCall{{"group.get", object{"group": w.group}}},
				effect: func(t *testing.T, out outcome) {
					seen, _ := w.call(t, w.peer, "group.get", object{"group": w.group})["group"].(map[string]any)
					out.is(t, w.group, "JID", "0/group/group")
					out.is(t, seen["name"], "Name", "0/group/name")
					out.is(t, seen["participant_version_id"], "ParticipantVersionID", "0/group/participant_version_id")
				},
			}
		}},
		{operation: "POST /group/photo", prepare: func(t *testing.T, w *restWorld) restAct {
			picture := dataURL("image/jpeg", pngFile(t, 1+w.nextNumber()%100)) // the declared type is wrong
			return restAct{
				values: resttest.Values{"GroupJID": w.group, "Image": picture},
				calls:  []restCall{{"group.setPicture", object{"group": w.group, "media": object{"base64": strings.TrimPrefix(picture, "data:image/jpeg;base64,")}}}},
				effect: func(t *testing.T, out outcome) {
					seen := w.call(t, w.peer, "contact.getProfilePicture", object{"contact": w.group})
					if str(seen["picture_id"]) == "" {
						t.Error("a member sees no picture")
					}
					out.is(t, seen["picture_id"], "PictureID", "0/picture_id")
				},
			}
		}},
		{operation: "POST /group/name", prepare: func(t *testing.T, w *restWorld) restAct {
			name := fmt.Sprintf("Harbour № %d", w.nextNumber())
			group := w.newGroup(t, "Named", w.peer.number)
			return restAct{
				values: resttest.Values{"GroupJID": group, "Name": name},
				calls:  []restCall{{"group.setName", object{"group": group, "name": name}}},
				effect: func(t *testing.T, _ outcome) {
					same(t, "as a member sees it", object{"name": name}, w.call(t, w.peer, "group.get", object{"group": group})["group"])
				},
			}
		}},
	}
}
