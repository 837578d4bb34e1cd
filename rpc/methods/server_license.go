package methods

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/rpc/methods/shared"
)

// LicenseDeps are the values that server.getLicense reports.
type LicenseDeps struct {
	// Hidden switches the report off.
	Hidden bool
	// InstallationID is the same for all servers of one installation; InstanceID is of this process.
	InstallationID, InstallationName, InstanceID string
	MaxSessions                                  int
}

type serverLicense struct {
	Valid             bool       `json:"valid" doc:"the server may be used; always true"`
	Plan              string     `json:"plan" doc:"self_hosted"`
	Status            string     `json:"status" doc:"active"`
	StatusMessage     string     `json:"status_message" doc:"the status as a sentence"`
	LicenseKey        *string    `json:"license_key" doc:"null: no key is needed"`
	InstallationID    string     `json:"installation_id" doc:"id of the installation, the same for all servers with its secret"`
	InstallationName  string     `json:"installation_name" doc:"address under which clients reach the installation"`
	InstanceID        string     `json:"instance_id" doc:"id of the running process"`
	CustomerID        *string    `json:"customer_id" doc:"null: there is no licensee"`
	MaxSessions       int        `json:"max_sessions" doc:"sessions that can exist"`
	Features          []string   `json:"features" doc:"namespaces of the methods"`
	ExpiresAt         *time.Time `json:"expires_at" doc:"null: never"`
	DaysUntilExpiry   *int       `json:"days_until_expiry" doc:"null: the license does not expire"`
	GracePeriodEndsAt *time.Time `json:"grace_period_ends_at" doc:"null: there is no grace period"`
	ValidatedAt       time.Time  `json:"validated_at" doc:"time of the call; nothing is asked elsewhere"`
	SupportEmail      *string    `json:"support_email" doc:"null: there is none"`
	DocumentationURL  string     `json:"documentation_url" doc:"manual"`
}

const manualURL = "https://github.com/waystation/waystation/tree/main/docs"

func registerLicense(reg *rpc.Registry, d LicenseDeps) {
	rpc.Register(reg, rpc.Method{
		Name: "server.getLicense", Summary: "Report the license of the installation: a self-hosted edition with its limit of sessions.", Scope: rpc.ScopeAdmin,
	}, func(context.Context, *rpc.Call, *shared.None) (serverLicense, error) {
		if d.Hidden {
			return serverLicense{}, &rpc.Error{Code: rpc.CodeNotSupported, Message: "license reporting is switched off (license-reporting)", Reason: "license_hidden"}
		}
		return serverLicense{
			Valid: true, Plan: "self_hosted", Status: "active", StatusMessage: "Self-hosted edition; no license is needed.",
			InstallationID: d.InstallationID, InstallationName: d.InstallationName, InstanceID: d.InstanceID, MaxSessions: d.MaxSessions,
			Features: namespacesOf(reg), ValidatedAt: time.Now().UTC(), DocumentationURL: manualURL,
		}, nil
	})
}

// namespacesOf returns the sorted namespaces of all methods.
func namespacesOf(reg *rpc.Registry) (names []string) {
	for _, m := range reg.Methods() {
		namespace, _, _ := strings.Cut(m.Name, ".")
		names = append(names, namespace)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
