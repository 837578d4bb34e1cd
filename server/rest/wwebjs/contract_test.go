package wwebjs_test

import (
	"testing"

	"github.com/waystation/waystation/server/rest/contract"
	"github.com/waystation/waystation/server/rest/resttest"
	"github.com/waystation/waystation/server/rest/wwebjs"
)

func TestContract(t *testing.T) {
	const person, group = "15550100002@c.us", "120363000000000001@g.us"
	check := contract.Contract{
		Dialect: wwebjs.New(), Header: "X-Api-Key", AdminHeader: "X-Api-Key",
		Values: resttest.Values{
			"sessionId": "s1", "chatId": person, "contactId": person, "number": person, "chatIds": []string{person, group}, "labelId": "1", "labelIds": []string{"1", "2"},
			"inviteCode": "AbCdEfGh", "displayName": "Ada", "name": "Quay", "participants": []string{person}, "query": "needle",
			"options.page": 3, "options.limit": 10, "options.chatId": person, "unmuteDate": "2126-01-31T12:00:00Z",
			"destinationChatId": group, "reaction": "👍",
		},
		Under: map[string]resttest.Values{"/groupChat/": {
			"chatId": group, "contactIds": []string{person}, "subject": "Quay", "description": "Tides", "adminsOnly": false, "pictureMimetype": "image/jpeg", "pictureData": "QQ==",
		}, "/channel/": {"chatId": "120363000000000002@newsletter"}},
		Rules: resttest.Rules{
			Literal: []string{".success", ".error", ".message"},
			// In some messages and in groups only.
			Extra: []string{"*.pollName", "*.pollOptions", "*.allowMultipleAnswers", "*.selectedButtonId", "*.selectedRowId", "*.groupMetadata"},
		},
		Failures: resttest.Rules{Extra: []string{"fields"}},
	}
	check.Check(t)
}
