package shared

import "github.com/waystation/waystation/server/rest"

// StorageRequest has changes of the object storage of a session.
type StorageRequest struct {
	Enabled    *bool   `rest:"enabled,param=/enabled"`
	Endpoint   *string `rest:"endpoint,param=/endpoint" doc:"empty = AWS"`
	Region     *string `rest:"region,param=/region"`
	Bucket     *string `rest:"bucket,param=/bucket"`
	AccessKey  *string `rest:"access_key,param=/access_key"`
	SecretKey  *string `rest:"secret_key,param=/secret_key"`
	PathStyle  *bool   `rest:"path_style,param=/path_style" doc:"as MinIO needs"`
	PublicURL  *string `rest:"public_url,param=/public_url"`
	Delivery   *string `rest:"media_delivery,param=/media_delivery" enum:"base64|s3|both"`
	Retention  *int    `rest:"retention_days,param=/retention_days" doc:"0 = kept"`
	DisableACL *bool   `rest:"disable_acl,param=/disable_acl"`
}

// Storage has the documents' words for the settings of the object storage.
type Storage struct {
	Enabled   bool                     `json:"enabled" from:"/enabled"`
	Endpoint  string                   `json:"endpoint" from:"/endpoint"`
	Region    string                   `json:"region" from:"/region"`
	Bucket    string                   `json:"bucket" from:"/bucket"`
	AccessKey string                   `json:"access_key" from:"/access_key"`
	PathStyle bool                     `json:"path_style" from:"/path_style"`
	PublicURL string                   `json:"public_url" from:"/public_url"`
	Delivery  rest.Word[DeliveryWords] `json:"media_delivery" from:"/media_delivery"`
	Retention int                      `json:"retention_days" from:"/retention_days"`
}

// ShownStorage is the object storage of a session in lists.
type ShownStorage struct {
	Storage
	DisableACL bool `json:"disable_acl" from:"/disable_acl"`
}

// MaskedStorage also has the secret, masked.
type MaskedStorage struct {
	ShownStorage
	SecretKey string `json:"secret_key" from:"/secret_key"`
}

// DeliveryWords are the words for the places of files.
type DeliveryWords struct{}

// WordPairs implements rest.Vocabulary.
func (DeliveryWords) WordPairs() map[string]string { return map[string]string{"url": "s3"} }
