# Reads and writes .env files exactly as the services do, by the rules of the npm package dotenv,
# so that the Vagrantfile needs no plugin. plumbing/env-file.ts is the same for the services; plumbing/test/env-lines.json
# holds for both.
module EnvFile
  LINE = /
    ^[[:space:]]*(?:export[[:space:]]+)?([\w.-]+)(?:[[:space:]]*=[[:space:]]*?|:[[:space:]]+?)
    ([[:space:]]*'(?:\\'|[^'])*'|[[:space:]]*"(?:\\"|[^"])*"|[[:space:]]*`(?:\\`|[^`])*`|[^\#\r\n]+)?
    [[:space:]]*(?:\#.*)?$
  /x

  # An assignment whose value stands in quotes, perhaps over several lines.
  QUOTED = /
    ^[^\S\n]*(?:export\s+)?([\w.-]+)(?:\s*=|:\s)\s*
    (?:'(?:\\'|[^'])*'|"(?:\\"|[^"])*"|`(?:\\`|[^`])*`)[^\S\n]*(?:\#.*)?$
  /x

  module_function

  def read(path)
    parse(text_of(path))
  end

  def text_of(path)
    File.exist?(path) ? File.read(path, encoding: 'utf-8') : ''
  end

  # The process's own variables, as UTF-8 whatever the locale says.
  def of_process
    ENV.to_h.transform_values { |value| value.dup.force_encoding(Encoding::UTF_8) }
  end

  def parse(text)
    normal(text).scan(LINE).to_h do |key, raw|
      value = raw.to_s.gsub(/\A[[:space:]]+|[[:space:]]+\z/, '')
      double = value.start_with?('"')
      value = value.gsub(/^(['"`])(.*)\1$/m, '\2')
      value = value.gsub('\n', "\n").gsub('\r', "\r") if double
      [key, value]
    end
  end

  def normal(text)
    text.delete_prefix("\u{FEFF}").gsub(/\r\n?/, "\n")
  end

  # What is wrong with lines, by the name that they begin with.
  def faults(text)
    lines = normal(text).gsub(QUOTED) { |match| "#{Regexp.last_match(1)}=#{match.gsub(/[^\n]/, '')}" }.split("\n")
    found = lines.each_with_index.with_object({}) do |(line, index), faults|
      name, rest = line.match(/^\s*(?:export\s+)?(\w[\w.-]*)(.*)$/)&.captures
      fault = fault_of(rest) if name
      faults[name] = fault && "(line #{index + 1} of .env) #{fault}" if name
    end
    found.compact
  end

  # What is wrong with what follows a name.
  def fault_of(rest)
    value = rest[/^(?:\s*=|:\s)(.*)$/, 1]
    return 'has no = after its name' if value.nil?
    return 'is empty: a value with # needs quotes' if value.start_with?('#')

    'ends before its #: a value with # needs quotes' if value.match?(/^[^#]*[^\s#]#/)
  end

  # One KEY='value' after the other, in a kind of quotes that the value does not contain: nothing is escaped.
  # That is what `load_settings` of prelude.sh reads.
  def render(values)
    text = values.map { |key, value| "#{key}=#{quote(value)}\n" }.join
    parsed = parse(text)
    lost = values.reject { |key, value| parsed[key] == value }.keys
    raise ArgumentError, "No .env file can hold the value of #{lost.join(', ')}: too many kinds of quotes" unless lost.empty?

    text
  end

  def quote(value)
    marks = ["'", '`']
    marks << '"' unless value.match?(/\\[nr]/) # which dotenv would turn into line breaks
    mark = marks.find { |candidate| !value.include?(candidate) } || "'"
    "#{mark}#{value}#{mark}"
  end
end
