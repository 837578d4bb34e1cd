package digigo

import (
	"encoding/json"
	"strings"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/server/rest"
)

func deviceRoutes() []rest.Route {
	devices := rest.Family(familyLookup)
	failed := rest.FailText("failed to retrieve user devices")
	return []rest.Route{
		rest.Pass[devicesRequest, devicesOfUsers]("POST", "/device/users", "device.list", devices, rest.NeedsBody(), failed),
		rest.Pass[devicesRequest, timedDevices]("POST", "/device/users/context", "device.list", rest.Family(familyTimed), rest.NeedsBody(), failed),
		rest.Pass[rest.None, linkedDevices]("GET", "/device/linked", "device.listLinked", devices),
		rest.Pass[platformRequest, platformAnswer]("POST", "/device/platform", "device.getPlatform", devices, rest.NeedsBody(), rest.FailText("failed to retrieve device platform")),
	}
}

type devicesRequest struct {
	JIDs rest.Strings `rest:"jids,required,param=/contacts" bad:"user JIDs are required" doc:"numbers or JIDs"`
}

type devicesOfUsers struct {
	Success bool `json:"success" from:"=true"`
	Devices []struct {
		JID     string `json:"jid" from:"/contact"`
		Devices []struct {
			ID       int      `json:"device_id" from:"/device_id"`
			Platform platform `json:"platform" from:"/platform"`
		} `json:"devices" from:"/devices"`
	} `json:"devices" from:"/users"`
	Users int `json:"total_users" from:"/total_users"`
	Total int `json:"total_devices" from:"/total_devices"`
}

type timedDevices struct {
	devicesOfUsers
	Timeout bool `json:"timeout_used" doc:"always false: a list that took too long is an error"`
}

// platform is the name of a platform in capitals; UNKNOWN if WhatsApp names none.
type platform string

// UnmarshalJSON implements json.Unmarshaler.
func (p *platform) UnmarshalJSON(raw []byte) error {
	err := json.Unmarshal(raw, (*string)(p))
	*p = platform(strings.ToUpper(string(*p)))
	return err
}

// MarshalText implements encoding.TextMarshaler.
func (p platform) MarshalText() ([]byte, error) {
	if p == "" {
		p = "UNKNOWN"
	}
	return []byte(p), nil
}

type linkedDevices struct {
	Success bool `json:"success" from:"=true"`
	Devices []struct {
		ID        int      `json:"device_id" from:"/device_id"`
		Platform  platform `json:"platform" from:"/platform"`
		Connected bool     `json:"connected" from:"/connected" doc:"false for other linked devices, of which it is not known"`
	} `json:"linked_devices" from:"/devices"`
	Count int `json:"count" from:"#/devices"`
}

type platformRequest struct {
	ID *int `rest:"device_id,required,param=/device_id" bad:"device ID is required" doc:"0 is the phone"`
}

type platformAnswer struct {
	Success  bool     `json:"success" from:"=true"`
	ID       int      `json:"device_id" from:"/device_id"`
	Platform platform `json:"platform" from:"/platform"`
}

// lidServer ends the addresses that are LIDs.
const lidServer = "@lid"

func lidRoutes() []rest.Route {
	lookup, lid, phone := rest.Family(familyLookup), rest.Says("LID retrieved successfully"), rest.Says("Phone/JID retrieved successfully")
	return []rest.Route{
		rest.Pass[lidRequest, lidPair]("GET", "/user/lid/get", "contact.resolveLid", lookup, lid),
		rest.Pass[lidRequest, lidPair]("POST", "/user/lid/get", "contact.resolveLid", lookup, lid, rest.NeedsBody()),
		rest.Pass[fromLIDRequest, lidPair]("GET", "/user/lid/from-lid", "contact.resolveLid", lookup, phone),
		rest.Pass[fromLIDRequest, lidPair]("POST", "/user/lid/from-lid", "contact.resolveLid", lookup, phone, rest.NeedsBody()),
		rest.Pass[mappingsRequest, mappings]("GET", "/user/lid/mappings", "contact.listLidMappings", lookup),
	}
}

type lidRequest struct {
	Phone string `rest:"phone,required,param=/contact" bad:"invalid phone/JID format" doc:"number or JID"`
}

type fromLIDRequest struct {
	LID string `rest:"lid,required,param=/contact" bad:"invalid LID format" doc:"LID"`
}

// CompleteParams implements rest.Completer.
func (in *fromLIDRequest) CompleteParams(rest.Params) error {
	if !strings.HasSuffix(in.LID, lidServer) {
		return rest.Bad("lid", "invalid LID format", "must end in @lid")
	}
	return nil
}

// lidPair is a number and its LID.
type lidPair struct {
	Success bool      `json:"success" from:"=true"`
	Phone   string    `json:"phone" from:"/contact"`
	LID     string    `json:"lid" from:"/lid"`
	Created secondsAt `json:"created_at" from:"/created_at"`
	Message string    `json:"message" from:"="`
}

// FinishAnswer implements rest.Finisher.
func (p *lidPair) FinishAnswer() error {
	if p.Phone == "" || p.LID == "" {
		return &rest.Failure{Err: rpc.NotFound("no mapping is known")}
	}
	return nil
}

type mappingsRequest struct {
	Limit  int `rest:"limit,query,param=/limit" doc:"1 to 1000, default 100"`
	Offset int `rest:"offset,query,param=/offset"`
}

const defaultMappings = 100

// CompleteParams implements rest.Completer.
func (in *mappingsRequest) CompleteParams(p rest.Params) error {
	if in.Limit == 0 {
		in.Limit = defaultMappings
		p["limit"] = in.Limit
	}
	return nil
}

type mappings struct {
	Success bool `json:"success" from:"=true"`
	Total   int  `json:"total" from:"/total"`
	Limit   int  `json:"limit" from:"<limit"`
	Offset  int  `json:"offset" from:"<offset"`
	List    []struct {
		ID       int64     `json:"id" from:"/mapping_id"`
		Phone    string    `json:"phone" from:"/contact"`
		LID      string    `json:"lid" from:"/lid"`
		Created  secondsAt `json:"created_at" from:"/created_at"`
		LastUsed secondsAt `json:"last_used" from:"/last_used_at"`
		Uses     int64     `json:"usage_count" from:"/usage_count"`
	} `json:"mappings" from:"/mappings"`
	Message string `json:"message" from:"=LID mappings retrieved successfully"`
}
