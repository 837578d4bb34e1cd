package digigo

import (
	"net/http"
	"strings"
	"time"

	"github.com/waystation/waystation/server/rest"
	"github.com/waystation/waystation/server/rest/shared"
)

func userRoutes() []rest.Route {
	users, bare, failed := rest.Family(familyUsers), rest.Family(familyUserChanges), rest.FailText("problem accessing DB")
	withCode := rest.With(rest.Params{"include_qr_code": true})
	return []rest.Route{
		rest.Row("GET", "/admin/users", "session.list", listUsers, users, failed, rest.Reads[userPage]("session.list")),
		rest.Row("GET", "/admin/users/{id}", "session.get", getUser, users, failed, withCode, rest.Reads[foundUser]("session.get")),
		rest.Pass[userCreation, userCreated]("POST", "/admin/users", "session.create", bare, rest.NeedsBody()),
		rest.Pass[userRequest, userDeleted]("DELETE", "/admin/users/{id}", "session.delete", bare, rest.IgnoresBody(), rest.Says("User deleted successfully"), rest.With(rest.Params{"logout": false})),
		rest.Pass[userRequest, userPurged]("DELETE", "/admin/users/{id}/full", "session.delete", bare, rest.IgnoresBody(), rest.Says("User instance removed completely"), rest.With(rest.Params{"purge": true})),
		rest.Pass[instancesRequest, instances]("GET", "/admin/instances/status", "session.list", bare, withCode, rest.FailText("database error")),
	}
}

type userRequest struct {
	ID string `rest:"id,path,param=/session"`
}

type user struct {
	configuration
	Storage  shared.ShownStorage    `json:"s3_config" from:"/storage"`
	RabbitMQ shownRabbit[tableText] `json:"rabbitmq_config" from:"/transports/amqp"`
	Profile  shownProfile           `json:"whatsapp_config" from:"/client_profile"`
}

// shownProfile has the client profile of a session; empty fields are those of the server.
type shownProfile struct {
	Version        string `json:"wa_version" from:"/version"`
	Platform       string `json:"wa_platform" from:"/platform"`
	ReleaseChannel string `json:"wa_release_channel" from:"/release_channel"`
	WebSubPlatform string `json:"wa_web_sub_platform" from:"/web_sub_platform"`
	OSName         string `json:"wa_os_name" from:"/os_name"`
	OSVersion      string `json:"wa_os_version" from:"/os_version"`
	DeviceName     string `json:"wa_device_name" from:"/device_name"`
	Manufacturer   string `json:"wa_manufacturer" from:"/manufacturer"`
	DeviceBoard    string `json:"wa_device_board" from:"/device_board"`
	Locale         string `json:"wa_locale_language" from:"/locale"`
	Country        string `json:"wa_locale_country" from:"/country"`
	MCC            string `json:"wa_mcc" from:"/mcc"`
	MNC            string `json:"wa_mnc" from:"/mnc"`
	ConnectType    string `json:"wa_connect_type" from:"/connect_type"`
	PlatformType   string `json:"wa_platform_type" from:"/browser"`
}

// usersPerPage is small, so that a page is below the limit of results.
const usersPerPage = 50

type userPage struct {
	Users []user `from:"/sessions"`
	Next  *int   `from:"/next_offset"`
}

// listUsers reads all pages of sessions: the document has no pages.
func listUsers(x *rest.Exchange, _ *rest.None) ([]user, error) {
	users := []user{}
	for offset := 0; ; {
		var page userPage
		if err := x.Read("session.list", rest.Params{"full": true, "include_qr_code": true, "limit": usersPerPage, "offset": offset}, &page); err != nil {
			return nil, err
		}
		users = append(users, page.Users...)
		if page.Next == nil || *page.Next <= offset {
			return users, nil
		}
		offset = *page.Next
	}
}

type foundUser struct {
	User user `from:"/session"`
}

// getUser returns a list of one user.
func getUser(x *rest.Exchange, _ *userRequest) ([]user, error) {
	params, err := x.Params()
	if err != nil {
		return nil, err
	}
	var found foundUser
	if err := x.Read("session.get", params, &found); err != nil {
		return nil, err
	}
	return []user{found.User}, nil
}

// removal is the envelope of deletions, which has a text beside the data.
type removal struct {
	Code    int    `json:"code" from:"=200"`
	Details string `json:"details" from:"="`
	Success bool   `json:"success" from:"=true"`
}

type userDeleted struct {
	removal
	Data struct {
		ID string `json:"id" from:"/session_id"`
	} `json:"data"`
}

type userPurged struct {
	removal
	Data struct {
		ID   string `json:"id" from:"/session_id"`
		JID  string `json:"jid" from:"/jid"`
		Name string `json:"name" from:"/name"`
	} `json:"data"`
}

type instancesRequest struct {
	Limit  *int   `rest:"limit,query,param=/limit" bad:"invalid limit parameter" doc:"1 to 1000, default 200"`
	Offset int    `rest:"offset,query,param=/offset" bad:"invalid offset parameter"`
	IDs    idList `rest:"ids,query,param=/session_ids" bad:"invalid ids parameter" doc:"ids between commas"`
	Total  bool   `rest:"include_total,query,param=/include_total" bad:"invalid include_total parameter"`
}

// idList are ids between commas.
type idList string

// ToParam implements rest.Converter.
func (l idList) ToParam(string) (any, error) {
	ids := strings.Split(string(l), ",")
	for i := range ids {
		ids[i] = strings.TrimSpace(ids[i])
	}
	return ids, nil
}

type instances struct {
	Code       int        `json:"code" from:"=200"`
	Data       []instance `json:"data" from:"/sessions"`
	Pagination struct {
		Limit   int  `json:"limit" from:"<limit"`
		Offset  int  `json:"offset" from:"<offset"`
		HasMore bool `json:"has_more"`
		Next    *int `json:"next_offset" from:"/next_offset"`
		Total   *int `json:"total,omitempty" from:"/total"`
	} `json:"pagination"`
	Success bool `json:"success" from:"=true"`
}

// defaultInstances is the size of a page that session.list has.
const defaultInstances = 200

// FinishAnswer implements rest.Finisher.
func (i *instances) FinishAnswer() error {
	i.Pagination.HasMore = i.Pagination.Next != nil
	if i.Pagination.Limit == 0 {
		i.Pagination.Limit = defaultInstances
	}
	return nil
}

type instance struct {
	ID     string `json:"id" from:"/session_id"`
	Name   string `json:"name" from:"/name"`
	JID    string `json:"jid" from:"/jid"`
	QRCode string `json:"qrcode" from:"/qr_code/image" doc:"empty if there is nothing to scan"`
	QRText string `json:"qrcode_text" from:"/qr_code/code"`
	health
	Connected bool   `json:"connected" from:"/status/connected"`
	LoggedIn  bool   `json:"loggedIn" from:"/status/logged_in"`
	Source    string `json:"source" doc:"runtime, or database without a client"`
	Timestamp string `json:"timestamp" doc:"time of the answer"`
}

// FinishAnswer implements rest.Finisher.
func (i *instance) FinishAnswer() error {
	i.Source, i.Timestamp = "runtime", time.Now().UTC().Format(time.RFC3339)
	if !i.HasClient {
		i.Source = "database"
	}
	return nil
}

// answeredCreated replies with status 201.
func answeredCreated(data any) (*rest.Reply, error) {
	return &rest.Reply{Status: http.StatusCreated, Body: answered{http.StatusCreated, data}}, nil
}
