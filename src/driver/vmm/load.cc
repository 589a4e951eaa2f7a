// SPDX-License-Identifier: Apache-2.0
// What a shell has before its start: an image or a template of it, and a rehearsal.
#include <fcntl.h>
#include <fmt/format.h>

#include "base/log.h"
#include "base/rollback.h"
#include "driver/function_start.h"
#include "driver/vmm/vmm_driver.h"
#include "host/files.h"
#include "vmm/vmm_protocol.h"

namespace vireo {

namespace {

using namespace std::chrono_literals;
constexpr auto longest_load = 5s;

// In the uppermost layer that has one.
Result<Fd> unikernel_of(const InstanceSpec& spec) {
  if (!spec.function)
    return Error{Errc::unsupported, "this image is no libvnf function: run it as `container`"};
  for (size_t i = spec.root.layers.size(); i-- > 0;) {
    Fd file(
        ::open((spec.root.layers[i] + "/function.elf").c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (file) return file;
  }
  return Error{Errc::unsupported,
               "this image has no unikernel (no file /function.elf): build it anew with `vireo "
               "image build`, or run it as `container`"};
}

}  // namespace

Result<StartTier> VmmDriver::load(VirtualMachine& shell, const InstanceSpec& spec) {
  const TemplateKey key = TRY(template_key(spec));
  const vmm::LoadRequest request{key.memory_bytes, key.port_count, 0};
  Fd image = TRY(unikernel_of(spec));
  std::shared_ptr<const Fd> kept;
  if (quickest_ >= StartTier::fork) kept = templates_.find(key);
  const int fds[] = {image.get(), kept ? kept->get() : -1};
  TRY(shell.agent->send(vmm::message_load,
                        {reinterpret_cast<const char*>(&request), sizeof request},
                        std::span(fds, kept ? 2 : 1)));
  return kept ? StartTier::fork : StartTier::cold;
}

Result<void> VmmDriver::await_loaded(VirtualMachine& shell) {
  return shell.agent->await(vmm::message_loaded, longest_load);
}

Result<void> VmmDriver::load_and_wait(VirtualMachine& shell, const InstanceSpec& spec) {
  TRY(load(shell, spec));
  return await_loaded(shell);
}

// The shell waits for its identity, and does so afterwards.
Result<void> VmmDriver::keep_template(VirtualMachine& shell, const InstanceSpec& spec) {
  const TemplateKey key = TRY(template_key(spec));
  if (templates_.find(key)) return {};
  Fd file = TRY(new_template(key.memory_bytes));
  const int fds[] = {file.get()};
  TRY(shell.agent->send(vmm::message_save, {}, fds));
  TRY(shell.agent->await(vmm::message_saved, longest_load));
  TRY(seal(file));
  templates_.keep(key, std::move(file));
  return {};
}

// Behind a cold start: the next one shall find a template. An image that fails at this is not tried
// again.
void VmmDriver::want_template(const InstanceSpec& spec) {
  auto key = template_key(spec);
  if (quickest_ < StartTier::fork || !key || !templates_.claim(*key)) return;
  std::lock_guard lock(mutex_);
  wanted_.push_back(spec);
}

void VmmDriver::make_wanted_templates() {
  std::vector<InstanceSpec> wanted;
  {
    std::lock_guard lock(mutex_);
    wanted.swap(wanted_);
  }
  for (InstanceSpec& spec : wanted)
    background_->post([this, spec = std::move(spec)] {
      auto made = make_template(spec);
      if (!made) spdlog::warn("{} starts cold: {}", spec.image_digest, made.error().message);
    });
}

// In a machine that nobody else knows.
Result<void> VmmDriver::make_template(const InstanceSpec& spec) {
  Known shell = TRY(make_shell());
  Rollback gone([&] {
    end(shell);
    clean_up(std::move(shell));
  });
  TRY(load_and_wait(*shell, spec));
  return keep_template(*shell, spec);
}

Result<void> VmmDriver::rehearse(VirtualMachine& shell, const InstanceSpec& like) {
  const TemplateKey key = TRY(template_key(like));
  const std::shared_ptr<const Fd> kept = templates_.find(key);
  if (!kept) return {};
  const std::string made_up = TRY(make_identity(like));
  if (made_up.size() > vnf::agent_chunk_bytes) return {};  // it goes by a file, and stays parked
  Fd vitals = TRY(make_vitals());
  const int fds[] = {kept->get(), vitals.get()};
  TRY(shell.agent->send(vmm::message_rehearse, made_up, fds));
  TRY(shell.agent->await(vmm::message_rehearsed, longest_load));
  shell.vitals = std::move(vitals);
  shell.tier = StartTier::rehearsed;
  return {};
}

Result<void> VmmDriver::preload(const InstanceId& id, const InstanceSpec& like) {
  Known shell = TRY(find(id));
  if (shell->state != InstanceState::spare || shell->loaded)
    return Error{Errc::conflict, fmt::format("{} is no empty spare shell", id)};
  Rollback undo([&] { (void)destroy(id); });
  // A daemon that comes later must not take it for an empty one.
  shell->record.image_digest = like.image_digest;
  if (auto link = keeper()) TRY(link->hold(shell->entry, to_text(shell->record), {}));
  TRY_IN(fmt::format("load {}", like.image_digest), load_and_wait(*shell, like));
  shell->tier = StartTier::parked;
  TRY_IN(fmt::format("keep {}", like.image_digest), keep_template(*shell, like));
  if (quickest_ >= StartTier::rehearsed)
    TRY_IN(fmt::format("rehearse {}", like.image_digest), rehearse(*shell, like));
  undo.dismiss();
  std::lock_guard lock(mutex_);
  shell->loaded = like;
  return {};
}

}  // namespace vireo
