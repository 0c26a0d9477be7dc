package main

import (
	"slices"
	"strings"

	"sd/backends/rclone"
)

// Options of any type that say how rclone works, and change nothing of what is there
// afterwards.
const harmless = `description chunk_size upload_cutoff upload_concurrency copy_cutoff copy_concurrency max_upload_parts
	list_chunk no_check_bucket no_check_container no_head no_head_object disable_checksum disable_http2
	memory_pool_flush_time memory_pool_use_mmap directory_markers`

// heeded are the options of rclone's types that a service of ours heeds as rclone does, or
// that matter only to whoever makes a bucket. One with a value is heeded with that alone,
// which is what the service does anyway.
var heeded = map[string]string{
	"drive":    "client_id client_secret token scope team_drive shared_with_me description",
	"onedrive": "client_id client_secret token region drive_id drive_type description",
	"dropbox":  "client_id client_secret token description",
	"s3": `provider env_auth access_key_id secret_access_key session_token profile region endpoint location_constraint
		bucket_acl acl=private storage_class=STANDARD server_side_encryption=AES256 force_path_style ` + harmless,
	"google cloud storage": `client_id client_secret token env_auth anonymous service_account_file service_account_credentials
		endpoint project_number location bucket_acl bucket_policy_only object_acl=private ` + harmless,
	"azureblob": `account key sas_url connection_string endpoint env_auth client_id client_secret tenant service_principal_file
		client_certificate_path client_certificate_password public_access ` + harmless,
}

// unheeded are the options of r that a service of ours would not heed.
func unheeded(r *rclone.Remote) (names []string) {
	known := strings.Fields(heeded[r.Type])
	for key, text := range r.Options {
		if text != "" && text != "false" && !slices.Contains(known, key) && !slices.Contains(known, key+"="+text) {
			names = append(names, key)
		}
	}
	slices.Sort(names)
	return names
}
