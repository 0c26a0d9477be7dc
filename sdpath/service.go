package sdpath

import "strings"

// Service is a cloud service, written as its scheme.
type Service string

// The services. Rclone reaches any remote of the user's rclone.conf.
const (
	S3       Service = "s3"
	GDrive   Service = "gdrive"
	OneDrive Service = "onedrive"
	Dropbox  Service = "dropbox"
	AzBlob   Service = "azblob"
	GCS      Service = "gcs"
	B2       Service = "b2"
	Wasabi   Service = "wasabi"
	Spaces   Service = "spaces"
	Rclone   Service = "rclone"
)

// Services returns all services in the order in which they are displayed. The
// slice is the caller's.
func Services() []Service {
	return []Service{S3, GDrive, OneDrive, Dropbox, AzBlob, GCS, B2, Wasabi, Spaces, Rclone}
}

// ParseService reads a scheme without regard to case; "gs" is GCS. Its error is an
// *UnknownSchemeError.
func ParseService(name string) (Service, error) {
	lower := Service(strings.ToLower(name))
	if lower == "gs" {
		return GCS, nil
	}
	for _, s := range Services() {
		if s == lower {
			return s, nil
		}
	}
	return "", &UnknownSchemeError{Scheme: name, Input: name}
}
