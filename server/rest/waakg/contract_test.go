package waakg_test

import (
	"testing"

	"github.com/waystation/waystation/server/rest/contract"
	"github.com/waystation/waystation/server/rest/resttest"
	"github.com/waystation/waystation/server/rest/waakg"
)

func TestContract(t *testing.T) {
	check := contract.Contract{
		Dialect: waakg.New(), Header: "X-Api-Key", AdminHeader: "X-Api-Key",
		Values: resttest.Values{
			"sessionId": "s1", "id": "s1", "jid": "15550100009@s.whatsapp.net", "action": "start", "filename": "s1-3EB0.jpg", "labelId": "1", "replyId": "01J0000000000000000000000A", "messageId": "3EB0", "q": "invoice",
			"participants": []string{"15550100002@s.whatsapp.net"}, "file": "data:image/jpeg;base64,/9j/",
		},
		Under: map[string]resttest.Values{"/groups/": {"jid": "15550100009@g.us", "action": "add"}, "/labels/": {"action": "add"}, "/webhooks/": {"id": "default"}, "/scheduler": {"jid": "15550100009@s.whatsapp.net", "scheduleId": "01K8R220T32Z935QZY4VB17083", "content": "Reminder", "sendAt": "2030-01-15T08:00:00"}},
		Rules: resttest.Rules{
			Literal: []string{"status", "success", "error"},
			// Answers are a superset: status and success, the members of data also at top level, and the keys of the document and of its server.
			Extra: []string{
				"status", "success", "message", "data", "*.colorHex", "*.sessionId", "*.createdAt", "*.updatedAt", "*._count", "*.config", "*.qr", "*.predefinedId",
				"[].announce", "[].creation", "[].description", "[].inviteCode", "[].jid", "[].ownerJid", "[].restrict", "[].lastMessage", "[].webhooks",
				"faviconUrl", "enableRegistration", "updatedAt", "group", "linkedParentJid", "pairingCode", "name", "pushname", "pictureUrl", "*.conversation", "*.extendedTextMessage",
			},
		},
		Failures: resttest.Rules{Extra: []string{"fields", "reason"}},
	}
	check.Check(t)
}
