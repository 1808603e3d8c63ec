# Reads and writes .env files exactly as the services do, by the rules of the npm package dotenv,
# so that the Vagrantfile needs no plugin.
module EnvFile
  LINE = /
    ^[[:space:]]*(?:export[[:space:]]+)?([\w.-]+)(?:[[:space:]]*=[[:space:]]*?|:[[:space:]]+?)
    ([[:space:]]*'(?:\\'|[^'])*'|[[:space:]]*"(?:\\"|[^"])*"|[[:space:]]*`(?:\\`|[^`])*`|[^\#\r\n]+)?
    [[:space:]]*(?:\#.*)?$
  /x

  module_function

  def read(path)
    File.exist?(path) ? parse(File.read(path, encoding: 'bom|utf-8')) : {}
  end

  # The process's own variables, as UTF-8 whatever the locale says.
  def of_process
    ENV.to_h.transform_values { |value| value.dup.force_encoding(Encoding::UTF_8) }
  end

  def parse(text)
    text.gsub(/\r\n?/, "\n").scan(LINE).to_h do |key, raw|
      value = raw.to_s.gsub(/\A[[:space:]]+|[[:space:]]+\z/, '')
      double = value.start_with?('"')
      value = value.gsub(/^(['"`])(.*)\1$/m, '\2')
      value = value.gsub('\n', "\n").gsub('\r', "\r") if double
      [key, value]
    end
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
