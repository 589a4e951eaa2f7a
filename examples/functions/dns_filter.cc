// SPDX-License-Identifier: Apache-2.0
// A filter of names: questions for a listed domain, or one below it, get the answer NXDOMAIN (RFC
// 1035) without having reached a server. Transparent, between two ports; IPv4 and IPv6, UDP
// port 53.
#include <vireo/function.h>

namespace {

using namespace vireo::vnf;

constexpr uint32_t most_domains = 1000, name_bytes = 64;

struct Domain {
  char name[name_bytes];  // "ads.example"
};

class DnsFilter {
 public:
  struct Config {
    uint32_t domain_count, reserved;
    Domain domains[most_domains];
  };
  static constexpr FieldTable domain_fields[] = {
      {.name = "name",
       .type = Field::text,
       .offset = offsetof(Domain, name),
       .size = name_bytes,
       .required = true,
       .help = "in small letters, without a dot at the end"}};
  static constexpr FieldTable fields[] = {{.name = "domains",
                                           .type = Field::records,
                                           .offset = offsetof(Config, domain_count),
                                           .size = sizeof(Domain),
                                           .most = most_domains,
                                           .help = "whose names are unknown behind the filter",
                                           .fields = domain_fields,
                                           .field_count = array_size(domain_fields)}};
  static constexpr const char* counters[] = {"passed", "questions", "filtered"};
  static constexpr FunctionTable table = {.name = "dns-filter",
                                          .summary = "answers questions for listed domains itself",
                                          .role = Role::transparent,
                                          .ports = Ports::packet,
                                          .fewest_ports = 2,
                                          .most_ports = 2,
                                          .config_size = sizeof(Config),
                                          .fields = fields,
                                          .field_count = array_size(fields),
                                          .counters = counters,
                                          .counter_count = array_size(counters)};

  bool configure(const Context& context, const Config& config) {
    config_ = &config;  // lives as long as the function
    vitals_ = context.vitals;
    return true;
  }
  void tick(uint64_t) {}
  void process(Batch& batch) {
    for (uint32_t i = 0; i < batch.count; i++) {
      Packet& packet = batch.packets[i];
      packet.out = packet.in ^ 1u;
      vitals_->counters[handle(packet)]++;
    }
  }

 private:
  enum Counter { passed, questions, filtered };
  static constexpr uint32_t dns_header = 12;

  Counter handle(Packet& packet) {
    Headers h;
    if (!parse(packet, h) || h.transport != Transport::udp || h.fragment) return passed;
    uint8_t* dns = h.data + h.transport_offset + udp_bytes;
    const uint32_t size = h.transport_bytes() - udp_bytes;
    const bool question = size > dns_header && (dns[2] & 0x80) == 0 && load16(dns + 4) == 1;
    if (h.udp().destination() != 53 || !question) return passed;
    char name[256];
    if (!read_name(dns + dns_header, size - dns_header, name) || !listed(name)) return questions;
    answer(packet, h, dns);
    return filtered;
  }

  // "www.example", in small letters. False: it is cut short, or compressed, which no question is.
  static bool read_name(const uint8_t* at, uint32_t room, char* name) {
    uint32_t length = 0;
    while (room > 0 && *at != 0) {
      const uint32_t label = *at;
      if (label > 63 || label + 1 >= room || length + label + 2 > 255) return false;
      if (length != 0) name[length++] = '.';
      for (uint32_t i = 1; i <= label; i++)
        name[length++] = static_cast<char>(at[i] >= 'A' && at[i] <= 'Z' ? at[i] + 32 : at[i]);
      at += label + 1;
      room -= label + 1;
    }
    name[length] = '\0';
    return room > 0;
  }

  static uint32_t length_of(const char* text) {
    uint32_t length = 0;
    while (text[length] != '\0') length++;
    return length;
  }
  bool listed(const char* name) const {
    const uint32_t length = length_of(name);
    for (uint32_t i = 0; i < config_->domain_count; i++) {
      const char* domain = config_->domains[i].name;
      const uint32_t tail = length_of(domain);
      if (tail == 0 || tail > length) continue;
      bool same = length == tail || name[length - tail - 1] == '.';
      for (uint32_t k = 0; same && k < tail; k++) same = name[length - tail + k] == domain[k];
      if (same) return true;
    }
    return false;
  }

  // The question turns round: response, no such name.
  static void answer(Packet& packet, const Headers& h, uint8_t* dns) {
    swap_bytes(h.ethernet().source(), h.ethernet().destination(), 6);
    swap_bytes(h.source(), h.destination(), h.address_bytes());
    const uint16_t from = h.udp().source();
    h.udp().set_source(53);
    h.udp().set_destination(from);
    dns[2] = static_cast<uint8_t>((dns[2] | 0x80) & ~0x02);
    dns[3] = static_cast<uint8_t>((dns[3] & 0x10) | 0x80 | 3);
    finish_transport_checksum(packet, h);
    packet.out = packet.in;
  }

  const Config* config_ = nullptr;
  Vitals* vitals_ = nullptr;
};

}  // namespace

VIREO_FUNCTION(DnsFilter);
