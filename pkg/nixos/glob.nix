# Whether a text matches a pattern of systemd, which is one of fnmatch(3): *, ?,
# [a-z], [!a-z], [[:digit:]] and a \ before what stands for itself. A [ that
# nothing closes is a plain character. No pattern is an error, as one can be for
# builtins.match.
{ lib }:

let
  digits = {
    from = "0";
    to = "9";
  };
  lower = {
    from = "a";
    to = "z";
  };
  upper = {
    from = "A";
    to = "Z";
  };
  classes = {
    alnum = [
      digits
      lower
      upper
    ];
    alpha = [
      lower
      upper
    ];
    digit = [ digits ];
    lower = [ lower ];
    upper = [ upper ];
    xdigit = [
      digits
      {
        from = "a";
        to = "f";
      }
      {
        from = "A";
        to = "F";
      }
    ];
  };

  # The ranges of characters in a bracket expression, or null without an end.
  # A ] that comes first is one of the characters.
  rangesOf =
    ranges: pattern:
    let
      class = builtins.match "\\[:([a-z]+):](.*)" pattern;
      range = builtins.match "(.)-([^]])(.*)" pattern;
      one = c: {
        from = c;
        to = c;
      };
      first = builtins.substring 0 1 pattern;
      rest = builtins.substring 1 (-1) pattern;
    in
    if pattern == "" then
      null
    else if first == "]" && ranges != [ ] then
      { inherit ranges rest; }
    else if class != null then
      rangesOf (ranges ++ classes.${builtins.elemAt class 0} or [ (one "") ]) (builtins.elemAt class 1)
    else if range != null then
      rangesOf (
        ranges
        ++ [
          {
            from = builtins.elemAt range 0;
            to = builtins.elemAt range 1;
          }
        ]
      ) (builtins.elemAt range 2)
    else
      rangesOf (ranges ++ [ (one first) ]) rest;

  matches =
    pattern: text:
    let
      first = builtins.substring 0 1 pattern;
      rest = builtins.substring 1 (-1) pattern;
      c = builtins.substring 0 1 text;
      others = builtins.substring 1 (-1) text;
      negated = builtins.elem (builtins.substring 0 1 rest) [
        "!"
        "^"
      ];
      bracket = rangesOf [ ] (if negated then builtins.substring 1 (-1) rest else rest);
      isIn = lib.any (range: range.from <= c && c <= range.to) bracket.ranges;
    in
    if pattern == "" then
      text == ""
    else if first == "*" then
      matches rest text || text != "" && matches pattern others
    else if text == "" then
      false
    else if first == "?" then
      matches rest others
    else if first == "[" && bracket != null then
      isIn != negated && matches bracket.rest others
    else if first == "\\" && rest != "" then
      matches ("[" + builtins.substring 0 1 rest + "]" + builtins.substring 1 (-1) rest) text
    else
      first == c && matches rest others;
in
matches
