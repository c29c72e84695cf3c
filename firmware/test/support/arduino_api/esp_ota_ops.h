#pragma once
#include <stddef.h>

struct esp_partition_t;
const esp_partition_t* esp_ota_get_running_partition();
int esp_partition_read(const esp_partition_t* partition, size_t at, void* to, size_t size);
