package rest

import (
	"bytes"
	"fmt"
	"image/png"
	"testing"

	"github.com/waystation/waystation/server/e2e/e2etest"
	"github.com/waystation/waystation/server/rest/resttest"
)

// wuzapiCases returns the cases of all operations of wuzapi.
func wuzapiCases() []restCase {
	var all []restCase
	for _, part := range [][]restCase{wuzapiSession(), wuzapiUser(), wuzapiSends(), wuzapiChat(), wuzapiDownloads(), wuzapiGroup("image/png", "GroupJID"), wuzapiMore()} {
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
			path := fmt.Sprintf("/set/%d", w.NextNumber())
			url := w.Receiver.URL + path
			return restAct{
				values: resttest.Values{"webhookURL": url},
				calls:  []restCall{{"webhook.update", object{"url": url, "events": []string{"*"}, "active": true}}},
				effect: func(t *testing.T, out outcome) {
					out.is(t, url, "webhook", "0/webhook/url")
					e2etest.CheckSame(t, "webhook", object{"url": url, "active": true}, w.Call(t, w.Caller, "webhook.get", nil)["webhook"])
					id, _ := w.Receive(t, w.Peer.Number, object{"type": "text", "text": "for the webhook"})
					w.Receiver.AwaitRequest(t, path, id)
				},
			}
		}},
		{operation: "GET /webhook", prepare: func(t *testing.T, w *restWorld) restAct {
			url := fmt.Sprintf("%s/get/%d", w.Receiver.URL, w.NextNumber())
			w.Call(t, w.Caller, "webhook.update", object{"url": url, "events": []string{"Message"}})
			return restAct{
				calls: []restCall{{"webhook.get", nil}},
				effect: func(t *testing.T, out outcome) {
					out.is(t, url, "webhook", "0/webhook/url")
					out.is(t, []string{"Message"}, "subscribe", "0/webhook/events")
				},
			}
		}},
		{operation: "POST /session/connect", prepare: func(t *testing.T, w *restWorld) restAct {
			s := w.NewOfflineSession(t)
			return restAct{
				as: &s, calls: []restCall{{"webhook.update", object{"events": []string{"Message"}}}, {"session.connect", object{"wait_seconds": 10}}},
				effect: func(t *testing.T, out outcome) {
					w.AwaitState(t, s, "connected")
					sent := w.Call(t, s, "message.sendText", object{"to": w.Peer.Number, "text": "back"})
					w.OnPhone(t, w.Peer.Number, e2etest.TextOf(sent["message_id"]), object{"text": "back"})
					e2etest.CheckSame(t, "events", []string{"Message"}, e2etest.ValueAt(map[string]any(w.Call(t, s, "webhook.get", nil)), "webhook/events"))
				},
			}
		}},
		{operation: "POST /session/disconnect", prepare: func(t *testing.T, w *restWorld) restAct {
			s := w.NewLinkedSession(t)
			return restAct{as: &s, calls: []restCall{{"session.disconnect", nil}}, effect: func(t *testing.T, _ outcome) {
				if state, devices := w.State(t, s), w.Devices(t, s); state != "disconnected" && state != "stopped" || devices != 1 {
					t.Errorf("the session is %s, the account has %d devices", state, devices)
				}
			}}
		}},
		{operation: "POST /session/logout", prepare: func(t *testing.T, w *restWorld) restAct {
			s := w.NewLinkedSession(t)
			return restAct{as: &s, calls: []restCall{{"session.logout", nil}}, effect: func(t *testing.T, _ outcome) {
				if n := w.Devices(t, s); n != 0 {
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
			s := w.NewPairingSession(t)
			return restAct{as: &s, calls: []restCall{{"session.getQrCode", nil}}, effect: func(t *testing.T, out outcome) {
				kind, file := e2etest.FromDataURL(t, out.at("QRCode", "0/image"))
				picture, err := png.Decode(bytes.NewReader(file))
				if err != nil || kind != "image/png" || picture.Bounds().Dx() < 100 {
					t.Fatalf("%s: %v", kind, err)
				}
				e2etest.CheckSame(t, "the code shown", w.Call(t, s, "session.getQrCode", nil)["image"], out.at("QRCode", "0/image"))
				e2etest.MustCall(t, w.Server.Addr, "sandbox.scanQrCode", object{"account": s.Number, "session": s.ID}, nil)
				w.AwaitState(t, s, "connected")
			}}
		}},
	}
}

func wuzapiUser() []restCase {
	return []restCase{
		{operation: "POST /user/info", prepare: func(_ *testing.T, w *restWorld) restAct {
			return restAct{
				values: resttest.Values{"Phone": []string{w.Peer.Number, w.Shop}},
				calls:  []restCall{{"contact.getUserInfo", object{"contacts": []string{w.Peer.Number, w.Shop}}}},
				effect: func(t *testing.T, out outcome) {
					peer, shop := w.Peer.JID(), e2etest.JIDOf(w.Shop)
					out.is(t, "at sea", "Users/"+peer+"/Status", "0/users/contact="+peer+"/about")
					devices, _ := out.at("Users/"+peer+"/Devices", "0/users/contact="+peer+"/devices").([]any)
					if len(devices) != 2 {
						t.Errorf("the peer has the devices %v", devices)
					}
					if e2etest.TextOf(out.at("Users/"+peer+"/PictureID", "0/users/contact="+peer+"/picture_id")) == "" {
						t.Error("the peer has no picture")
					}
					out.is(t, "Shop Inc.", "Users/"+shop+"/VerifiedName/Details/verifiedName", "0/users/contact="+shop+"/verified_name")
					rest, rpc := "Users/"+shop+"/VerifiedName/Certificate/", "0/users/contact="+shop+"/verified_name_details/"
					if e2etest.TextOf(out.at(rest+"details", rpc+"details")) == "" || e2etest.TextOf(out.at(rest+"signature", rpc+"signature")) == "" {
						t.Error("the certificate of the name is not whole")
					}
				},
			}
		}},
		{operation: "POST /user/check", prepare: func(_ *testing.T, w *restWorld) restAct {
			const nobody = "15550699999"
			numbers := []string{w.Shop, nobody}
			return restAct{
				values: resttest.Values{"Phone": numbers},
				calls:  []restCall{{"contact.checkRegistered", object{"numbers": numbers}}},
				effect: func(t *testing.T, out outcome) {
					out.is(t, true, "Users/Query="+w.Shop+"/IsInWhatsapp", "0/results/number="+w.Shop+"/registered")
					out.is(t, "Shop Inc.", "Users/Query="+w.Shop+"/VerifiedName", "0/results/number="+w.Shop+"/verified_name")
					out.is(t, e2etest.JIDOf(w.Shop), "Users/Query="+w.Shop+"/JID", "0/results/number="+w.Shop+"/contact")
					out.is(t, false, "Users/Query="+nobody+"/IsInWhatsapp", "0/results/number="+nobody+"/registered")
				},
			}
		}},
		// The document has the bare object, the real server other keys in an envelope: the answer contains both.
		{operation: "GET /user/avatar", rules: extra(
			"code", "data", "success", "URL", "ID", "Type", "DirectPath", "data.URL", "data.ID", "data.Type", "data.DirectPath",
		), prepare: func(_ *testing.T, w *restWorld) restAct {
			return restAct{
				values: resttest.Values{"Phone": w.Peer.Number, "Preview": true},
				calls:  []restCall{{"contact.getProfilePicture", object{"contact": w.Peer.Number, "preview": true}}},
				effect: func(t *testing.T, out outcome) {
					own := w.Call(t, w.Peer, "contact.getProfilePicture", object{"contact": w.Peer.Number, "preview": true})
					out.is(t, own["picture_id"], "ID", "0/picture_id")
					out.is(t, "preview", "Type", "0/type")
					out.is(t, own["direct_path"], "DirectPath", "0/direct_path")
				},
			}
		}},
		{operation: "GET /user/contacts", rules: extra("success"), prepare: func(_ *testing.T, w *restWorld) restAct {
			return restAct{calls: []restCall{{"contact.list", nil}}, effect: func(t *testing.T, out outcome) {
				out.is(t, w.Peer.ID, w.Peer.JID()+"/PushName", "0/contacts/contact="+w.Peer.JID()+"/push_name")
			}}
		}},
	}
}

// wuzapiGroup returns the cases of groups with a picture of a type and the name of the group in requests without a change.
func wuzapiGroup(picture, param string) []restCase {
	named := func(name string) (rest, rpc string) { return "Groups/Name=" + name, "0/groups/name=" + name }
	return []restCase{
		{operation: "GET /group/list", rules: extra(ofGroup("data.Groups[].")...), prepare: func(t *testing.T, w *restWorld) restAct {
			name := fmt.Sprintf("Listed %d", w.NextNumber())
			group := w.NewGroup(t, name, w.Peer.Number)
			return restAct{calls: []restCall{{"group.list", nil}}, effect: func(t *testing.T, out outcome) {
				rest, rpc := named(name)
				out.is(t, group, rest+"/JID", rpc+"/group")
				out.is(t, w.Caller.JID(), rest+"/OwnerJID", rpc+"/owner")
				out.is(t, true, rest+"/Participants/JID="+w.Caller.JID()+"/IsAdmin", rpc+"/participants/contact="+w.Caller.JID()+"/is_admin")
				out.is(t, false, rest+"/Participants/JID="+w.Peer.JID()+"/IsAdmin", rpc+"/participants/contact="+w.Peer.JID()+"/is_admin")
			}}
		}},
		{operation: "GET /group/invitelink", prepare: func(_ *testing.T, w *restWorld) restAct {
			return restAct{
				values: resttest.Values{param: w.Group},
				calls:  []restCall{{"group.getInviteLink", object{"group": w.Group}}},
				effect: func(t *testing.T, out outcome) {
					link := e2etest.TextOf(out.at("InviteLink", "0/url"))
					var invite struct{ Code string }
					e2etest.MustCall(t, w.Network.Addr, "sandbox.getInviteCode", object{"account": w.Caller.Number, "group": w.Group}, &invite)
					if link != "https://chat.whatsapp.com/"+invite.Code {
						t.Errorf("the link is %s, the code %s", link, invite.Code)
					}
					before := len(membersOf(t, w, w.Group))
					e2etest.MustCall(t, w.Network.Addr, "sandbox.joinGroup", object{"account": w.NewPhone(t), "code": invite.Code}, nil)
					if now := len(membersOf(t, w, w.Group)); now != before+1 {
						t.Errorf("%d members after %d", now, before)
					}
				},
			}
		}},
		{operation: "GET /group/info", rules: extra(ofGroup("data.")...), prepare: func(_ *testing.T, w *restWorld) restAct {
			return restAct{
				values: resttest.Values{param: w.Group},
				calls:  []restCall{{"group.get", object{"group": w.Group}}},
				effect: func(t *testing.T, out outcome) {
					seen, _ := w.Call(t, w.Peer, "group.get", object{"group": w.Group})["group"].(map[string]any)
					out.is(t, w.Group, "JID", "0/group/group")
					out.is(t, seen["name"], "Name", "0/group/name")
					out.is(t, seen["participant_version_id"], "ParticipantVersionID", "0/group/participant_version_id")
				},
			}
		}},
		groupPhoto(picture),
		{operation: "POST /group/name", prepare: func(t *testing.T, w *restWorld) restAct {
			name := fmt.Sprintf("Harbour № %d", w.NextNumber())
			group := w.NewGroup(t, "Named", w.Peer.Number)
			return restAct{
				values: resttest.Values{"GroupJID": group, "Name": name},
				calls:  []restCall{{"group.setName", object{"group": group, "name": name}}},
				effect: func(t *testing.T, _ outcome) {
					e2etest.CheckSame(t, "as a member sees it", object{"name": name}, w.Call(t, w.Peer, "group.get", object{"group": group})["group"])
				},
			}
		}},
	}
}

// groupPhoto returns the case of a JPEG or PNG whose data URL says that it is a JPEG.
func groupPhoto(kind string) restCase {
	return restCase{operation: "POST /group/photo", prepare: func(t *testing.T, w *restWorld) restAct {
		file := e2etest.JPEGFile(t, 1+w.NextNumber()%100)
		if kind == "image/png" {
			file = e2etest.PNGFile(t, 1+w.NextNumber()%100)
		}
		return restAct{
			values: resttest.Values{"GroupJID": w.Group, "Image": e2etest.DataURL("image/jpeg", file)},
			calls:  []restCall{{"group.setPicture", object{"group": w.Group, "media": object{"base64": e2etest.DataURL(kind, file)}}}},
			effect: func(t *testing.T, out outcome) {
				seen := w.Call(t, w.Peer, "contact.getProfilePicture", object{"contact": w.Group})
				if e2etest.TextOf(seen["picture_id"]) == "" {
					t.Error("a member sees no picture")
				}
				out.is(t, seen["picture_id"], "PictureID", "0/picture_id")
			},
		}
	}}
}
