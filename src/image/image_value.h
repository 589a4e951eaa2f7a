// SPDX-License-Identifier: Apache-2.0
// From the stored documents to the Image that the rest of Vireo sees.
#pragma once
#include "image/image_store.h"
#include "image/store_folder.h"

namespace vireo {

Result<Image> load_image(const StoreFolder& folder, const ReferenceRecord& record);

}  // namespace vireo
