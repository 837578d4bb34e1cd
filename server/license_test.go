package main

import "testing"

// The id of an installation stays the same; the setting switches the report off.
func TestLicenseReport(t *testing.T) {
	s := startServer(t)
	license := s.call("server.getLicense", object{})
	if license["valid"] != true || license["max_sessions"] != 10000.0 || len(license["installation_id"].(string)) != 21 || license["expires_at"] != nil {
		t.Errorf("license %v", license)
	}
	hidden := startServer(t, "-license-reporting=false")
	if status, body := hidden.get("/admin/license/info", hidden.token); status != 503 || body != `{"code":503,"error":"License information not available","success":false,"reason":"license reporting is switched off (license-reporting)"}` {
		t.Errorf("%d %s", status, body)
	}
}
