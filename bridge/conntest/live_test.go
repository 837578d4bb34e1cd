package conntest

import (
	"testing"

	"go.mau.fi/whatsmeow/types"
)

func TestConnect(t *testing.T) {
	c := Connect(t)
	client, err := c.Live()
	if err != nil || !client.IsLoggedIn() || c.Device().ToNonAD() != Own {
		t.Fatalf("%v, %v", c.Device(), err)
	}
	found, err := client.GetUserInfo(c.Deadline(), []types.JID{Ada})
	if err != nil || len(found) != 1 {
		t.Errorf("%v, %v", found, err)
	}
	end := c.RefuseRequests(503)
	if _, err = client.GetUserInfo(c.Deadline(), []types.JID{Ada}); err == nil {
		t.Error("a refused request succeeded")
	}
	end()
	if _, err = client.GetUserInfo(c.Deadline(), []types.JID{Ada}); err != nil {
		t.Errorf("after the refusals: %v", err)
	}
}
