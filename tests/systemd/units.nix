# Unit files out of NixOS's options, as nixpkgs makes them (nixos/lib/systemd-lib.nix), with scripts at
# /etc/systemd/scripts/NAME.
{ lib }:
let
  concat = builtins.concatStringsSep "";
  text = value: if value == true then "true" else if value == false then "false" else toString value;
  entries = set: concat (lib.mapAttrsToList entry set);
  entry = key: value: concat (map (one: "${key}=${text one}\n") (if builtins.isList value then value else [ value ]));

  # What an option of a service becomes in its [Unit] section.
  relations = {
    after = "After";
    before = "Before";
    bindsTo = "BindsTo";
    conflicts = "Conflicts";
    requires = "Requires";
    wants = "Wants";
  };
  known = builtins.attrNames relations ++ [
    "description"
    "enable"
    "environment"
    "overrideStrategy" # each is a unit of its own
    "path"
    "restartIfChanged"
    "script"
    "serviceConfig"
    "socketConfig" # a socket's
    "unitConfig"
    "wantedBy"
    "requiredBy"
  ];
  strangers = service: lib.filter (name: !(lib.elem name known)) (builtins.attrNames service);

  unitSection = name: unit: ''
    [Unit]
    Description=${unit.description or name}
    ${concat (
      lib.mapAttrsToList (
        option: key: lib.optionalString (unit.${option} or [ ] != [ ]) "${key}=${toString unit.${option}}\n"
      ) relations
    )}
    ${entries (unit.unitConfig or { })}
  '';

  unitFile = name: service: ''
    ${unitSection name service}
    [Service]
    ${concat (
      lib.mapAttrsToList (key: value: "Environment=\"${key}=${value}\"\n") (service.environment or { })
    )}
    ${lib.optionalString (
      service.path or [ ] != [ ]
    ) "Environment=\"PATH=${lib.makeBinPath service.path}:/usr/bin\""}
    ${lib.optionalString (!(service.restartIfChanged or true)) "X-RestartIfChanged=false"}
    ${lib.optionalString (service.script or "" != "") "ExecStart=/etc/systemd/scripts/${name}"}
    ${entries (service.serviceConfig or { })}
  '';

  links =
    kind: name: targets:
    map (target: {
      name = "system/${target}.${kind}/${name}.service";
      value.link = "../${name}.service";
    }) targets;

  files =
    name: service:
    if strangers service != [ ] then
      throw "units.nix does not know ${toString (strangers service)} of ${name}"
    else
      [
        {
          name = "system/${name}.service";
          value.text = unitFile name service;
        }
      ]
      ++ lib.optional (service.script or "" != "") {
        name = "scripts/${name}";
        value.text = "#!/bin/bash -e\n${service.script}\n";
      }
      ++ links "wants" name (service.wantedBy or [ ])
      ++ links "requires" name (service.requiredBy or [ ]);
in
{
  # services: the files of what /etc/systemd is, by path: each has a text, or is a link.
  services =
    services:
    builtins.listToAttrs (
      builtins.concatLists (
        lib.mapAttrsToList files (lib.filterAttrs (_: service: service.enable or true) services)
      )
    );
  # The same of sockets.
  sockets =
    sockets:
    builtins.listToAttrs (
      builtins.concatLists (
        lib.mapAttrsToList (
          name: socket:
          [
            {
              name = "system/${name}.socket";
              value.text = ''
                ${unitSection name socket}
                [Socket]
                ${entries socket.socketConfig}
              '';
            }
          ]
          ++ map (target: {
            name = "system/${target}.wants/${name}.socket";
            value.link = "../${name}.socket";
          }) (socket.wantedBy or [ ])
        ) sockets
      )
    );
}
